# quantc_gtest(NAME SOURCES file... LIBRARIES target...): a GoogleTest program whose cases ctest knows one by one.
# Tests find the project with QUANTC_SOURCE_DIR and shared models with tests/support/Shared.h.
if(CMAKE_CROSSCOMPILING)
  # Debian's libgtest-dev has libraries for the host, and the sources for everything else.
  add_subdirectory(/usr/src/googletest "${PROJECT_BINARY_DIR}/googletest" EXCLUDE_FROM_ALL)
else()
  find_package(GTest REQUIRED)
endif()
include(GoogleTest)

function(quantc_gtest name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE QUANTC_SOURCE_DIR="${PROJECT_SOURCE_DIR}" QUANTC_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gmock GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
endfunction()
