#pragma once

// How the columns of a matrix are divided for the matrix kernels, whose weights are packed panel by
// panel (pack.h).
namespace oko::runtime {

// Calls body(first column, width) for every panel of a matrix: wide ones of twice `lanes` columns,
// and a narrow one at the end if that suffices. The last may reach beyond the columns.
template <typename Body>
void for_panels(int columns, int lanes, const Body& body) {
  for (int column = 0; column < columns;) {
    const int width = columns - column > lanes ? 2 * lanes : lanes;
    body(column, width);
    column += width;
  }
}

}  // namespace oko::runtime
