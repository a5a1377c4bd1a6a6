# lit over the .mlir files of this folder: what passes do and what dialects accept. CMakeLists.txt gives the folders of the tools.
import os

import lit.formats

config.name = "quantc passes"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = lit_config.params["exec_root"]
config.environment["PATH"] = os.pathsep.join([lit_config.params["bin"], lit_config.params["llvm_bin"], os.environ["PATH"]])
