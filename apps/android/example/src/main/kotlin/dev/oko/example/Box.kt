package dev.oko.example

import dev.oko.OkoBox

/** What is drawn of one object: its box in the upright image, and a text. */
data class Box(val edges: OkoBox, val text: String)

/** The objects of one frame. [upright] is the part of the upright image that the preview shows. */
data class Boxes(val all: List<Box>, val upright: OkoBox) {
    companion object {
        val NONE = Boxes(emptyList(), OkoBox(0f, 0f, 1f, 1f))
    }
}
