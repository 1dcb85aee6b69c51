/* Finds objects in one raw frame, as cameras and `ffmpeg -f rawvideo` give them, in plain C99.
 *
 *   detect_c model.oko nv12 640 360 frame.nv12 [threads]
 *
 * prints one line for each object: class, score, left, top, right, bottom in pixels. */
#include <errno.h>
#include <oko/oko.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct format {
  const char* name;
  oko_format format;
  int bytes_per_pixel; /* 0: YUV 4:2:0, three bytes for two pixels */
} format;

static const format kFormats[] = {
    {"rgb", OKO_RGB, 3},   {"bgr", OKO_BGR, 3},   {"rgba", OKO_RGBA, 4}, {"bgra", OKO_BGRA, 4},
    {"grey", OKO_GREY, 1}, {"nv12", OKO_NV12, 0}, {"nv21", OKO_NV21, 0}, {"i420", OKO_I420, 0}};

static const format* format_named(const char* name) {
  for (size_t i = 0; i < sizeof kFormats / sizeof kFormats[0]; ++i) {
    if (strcmp(kFormats[i].name, name) == 0) return &kFormats[i];
  }
  return NULL;
}

/* 0 where the text is no number from 1 to 16384. */
static int32_t number(const char* text) {
  char* end = NULL;
  const long value = strtol(text, &end, 10);
  return *text != '\0' && *end == '\0' && value >= 1 && value <= 16384 ? (int32_t)value : 0;
}

static size_t half(int32_t side) { return ((size_t)side + 1) / 2; }

static size_t frame_bytes(const format* f, int32_t width, int32_t height) {
  const size_t pixels = (size_t)width * (size_t)height;
  if (f->bytes_per_pixel > 0) return pixels * (size_t)f->bytes_per_pixel;
  return pixels + 2 * half(width) * half(height);
}

/* The file's bytes, which must be exactly `size`; NULL with a message where they are not. */
static uint8_t* read_file(const char* path, size_t size) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return NULL;
  }
  uint8_t* bytes = malloc(size);
  const int whole = bytes != NULL && fread(bytes, 1, size, file) == size && fgetc(file) == EOF;
  fclose(file);
  if (whole) return bytes;
  fprintf(stderr, "%s: a frame of this format and size has %zu bytes\n", path, size);
  free(bytes);
  return NULL;
}

/* Planes that lie one behind the other, without gaps. */
static oko_frame frame_of(const format* f, int32_t width, int32_t height, const uint8_t* bytes) {
  oko_frame frame = {.struct_size = sizeof frame, .format = f->format};
  frame.width = width;
  frame.height = height;
  frame.planes[0] = bytes;
  if (f->bytes_per_pixel == 0) frame.planes[1] = bytes + (size_t)width * (size_t)height;
  if (f->format == OKO_I420) frame.planes[2] = frame.planes[1] + half(width) * half(height);
  return frame;
}

static int complain(void) {
  fprintf(stderr, "%s\n", oko_last_error());
  return 1;
}

static int detect(const char* model_path, const oko_frame* frame, int32_t threads) {
  oko_model* model = NULL;
  oko_detector* detector = NULL;
  if (oko_model_open_file(model_path, NULL, &model) != OKO_OK) return complain();
  const oko_detector_options options = {.struct_size = sizeof options, .threads = threads};
  const oko_detection* found = NULL;
  size_t count = 0;
  int result = 0;
  if (oko_detector_create(model, &options, &detector) != OKO_OK ||
      oko_detect(detector, frame, NULL, &found, &count) != OKO_OK) {
    result = complain();
  }
  for (size_t i = 0; i < count; ++i) {
    const oko_detection* d = &found[i];
    printf("%s %.3f %.1f %.1f %.1f %.1f\n", oko_model_class_name(model, d->class_id), d->score,
           d->left, d->top, d->right, d->bottom);
  }
  oko_detector_destroy(detector);
  oko_model_close(model);
  return result;
}

int main(int argc, char** argv) {
  const format* f = argc == 6 || argc == 7 ? format_named(argv[2]) : NULL;
  const int32_t width = f != NULL ? number(argv[3]) : 0;
  const int32_t height = f != NULL ? number(argv[4]) : 0;
  const int32_t threads = f != NULL && argc == 7 ? number(argv[6]) : 1;
  if (width == 0 || height == 0 || threads == 0) {
    fprintf(stderr,
            "usage: %s MODEL.oko rgb|bgr|rgba|bgra|grey|nv12|nv21|i420 WIDTH HEIGHT FILE "
            "[THREADS]\n",
            argv[0]);
    return 2;
  }
  uint8_t* bytes = read_file(argv[5], frame_bytes(f, width, height));
  if (bytes == NULL) return 3;
  const oko_frame frame = frame_of(f, width, height, bytes);
  const int result = detect(argv[1], &frame, threads);
  free(bytes);
  return result;
}
