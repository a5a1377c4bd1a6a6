quantc_gtest(import_onnx_test
  SOURCES OnnxAttentionTest.cpp OnnxBranchTest.cpp OnnxFileTest.cpp OnnxImagesTest.cpp OnnxImportTest.cpp OnnxNumericsTest.cpp OnnxOperatorsTest.cpp OnnxPlacesTest.cpp OnnxQuantizationTest.cpp OnnxQuantizedOperatorsTest.cpp OnnxQuantizedWeightsTest.cpp OnnxSearchTest.cpp OnnxSelectedRowsTest.cpp OnnxShapesTest.cpp OnnxUnreadTest.cpp RaisedGraphsTest.cpp RaiseHfTest.cpp
  LIBRARIES quantc_import quantc_import_onnx quantc_passes_raise quantc_tfm_interpreter)
target_precompile_headers(import_onnx_test PRIVATE "<gtest/gtest.h>" "<gmock/gmock.h>")
