// Finds the C API through the module map alone, as Swift does.
@import OkoC;

oko_status look(oko_detector* detector, oko_frame frame, const oko_detection** found,
                size_t* count) {
  oko_frame_orient(&frame, 6);
  return oko_detect(detector, &frame, 0, found, count);
}
