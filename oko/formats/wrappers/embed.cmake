# oko_embed(oko_formats kSwiftDecoding decoding.swift.in …): each file's text becomes
# oko::formats::wrappers::<constant>, a std::string_view. Headers declare them.
function(oko_embed target)
  set(files ${ARGN})
  set(definitions "")
  set(sources "")
  while(files)
    list(POP_FRONT files constant file)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    string(APPEND definitions
      "constinit const std::string_view ${constant} = R\"~oko~(${text})~oko~\";\n")
  endwhile()
  set(output ${CMAKE_CURRENT_BINARY_DIR}/templates.cpp)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT "#include \"oko/formats/wrappers/templates.h\"

namespace oko::formats::wrappers {
@definitions@}  // namespace oko::formats::wrappers
")
  target_sources(${target} PRIVATE ${output})
endfunction()
