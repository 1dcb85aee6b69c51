// Stubs for what the Kotlin wrapper uses of TensorFlow Lite, to compile it and to run what needs no interpreter.
package org.tensorflow.lite

import java.nio.ByteBuffer

enum class DataType { FLOAT32, INT8, UINT8 }

interface Tensor {
    class QuantizationParams(val scale: Float, val zeroPoint: Int)

    fun name(): String
    fun dataType(): DataType
    fun numBytes(): Int
    fun quantizationParams(): QuantizationParams
}

/** Gives what `Fake` holds. */
class Interpreter(@Suppress("UNUSED_PARAMETER") model: ByteBuffer, options: Options) : AutoCloseable {
    class Options

    object Fake {
        var input: Tensor? = null
        var outputs: List<Tensor> = emptyList()
        var run: (ByteBuffer, Map<Int, ByteBuffer>) -> Unit = { _, _ -> }
    }

    val settings = options
    val outputTensorCount: Int get() = Fake.outputs.size

    fun getInputTensor(@Suppress("UNUSED_PARAMETER") index: Int): Tensor = Fake.input!!
    fun getOutputTensor(index: Int): Tensor = Fake.outputs[index]
    fun runForMultipleInputsOutputs(inputs: Array<out Any>, outputs: Map<Int, Any>) =
        Fake.run(inputs[0] as ByteBuffer, outputs.mapValues { it.value as ByteBuffer })

    override fun close() {}
}
