package android.graphics

class Bitmap(private val numbers: IntArray, val width: Int, val height: Int) {
    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, w: Int, h: Int) {
        check(offset == 0 && stride == width && x == 0 && y == 0 && w == width && h == height)
        numbers.copyInto(pixels)
    }
}
