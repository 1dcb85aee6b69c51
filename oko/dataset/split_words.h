#pragma once

#include <string>
#include <string_view>

namespace oko::dataset {

// Which split a name says: that of a file, a folder, a path.

// "train" for train, training, train2017, …; "val" for val, valid, validation, …; "test"; "" for
// anything else.
std::string split_named(std::string_view name);
// The split of a list, an annotation file or similar, of which one word is called so: "train",
// "instances_train2017_1pct", "2007_train", "my_testset"; words are letters between other
// characters. "" where no word is, or words of several splits are.
std::string split_of_stem(std::string_view stem);
// The split of a folder: as of a file, but all other words must be generic ("train_images"),
// since folders of classes have words too ("test_tube").
std::string split_of_folder(std::string_view name);
// The split named by a folder of a relative path ("train/images/1.jpg"), or "".
std::string split_of_path(std::string_view path);

}  // namespace oko::dataset
