// Runs the wrapper of a folder: frame.rgba of the given size and the outputs of its heads, rows x columns x channels; writes input.f32 and prints boxes.
package dev.oko.models

import android.graphics.Bitmap
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor

private class FakeTensor(
    private val name: String,
    private val type: DataType,
    private val bytes: Int,
    private val scale: Float = 0f,
    private val zero: Int = 0,
) : Tensor {
    override fun name() = name
    override fun dataType() = type
    override fun numBytes() = bytes
    override fun quantizationParams() = Tensor.QuantizationParams(scale, zero)
}

fun main(arguments: Array<String>) {
    val folder = File(arguments[0])
    val (width, height) = arguments.slice(1..2).map { it.toInt() }
    val frame = File(folder, "frame.rgba").readBytes()
    val pixels = IntArray(width * height) { i ->
        val (r, g, b) = (0..2).map { frame[4 * i + it].toInt() and 0xff }
        (0xff shl 24) or (r shl 16) or (g shl 8) or b
    }
    val maps = arguments.drop(3).associateWith { File(folder, "$it.nhwc").readBytes() }
    Interpreter.Fake.input =
        FakeTensor("image", DataType.FLOAT32, 12 * ModelDetector.INPUT_WIDTH * ModelDetector.INPUT_HEIGHT)
    Interpreter.Fake.outputs =
        maps.map { (name, bytes) -> FakeTensor(name, DataType.FLOAT32, bytes.size) }.reversed()
    Interpreter.Fake.run = { input, outputs ->
        val bytes = ByteArray(input.remaining()).also { input.duplicate().get(it) }
        File(folder, "input.f32").writeBytes(bytes)
        outputs.forEach { (i, buffer) -> buffer.put(maps.values.reversed()[i]) }
    }
    val model = ByteBuffer.allocateDirect(0).order(ByteOrder.nativeOrder())
    ModelDetector(model).use { detector ->
        for (d in detector.detect(Bitmap(pixels, width, height))) {
            println("${d.kind.ordinal} ${d.score} ${d.left} ${d.top} ${d.right} ${d.bottom}")
        }
    }
}
