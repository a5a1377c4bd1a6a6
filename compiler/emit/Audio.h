// Tables with which the runtime makes inputs of sound.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "runtime/schema/artifact_generated.h"

namespace quantc {

/// What the module's attributes say of sound; null where it does not hear. Throws UserError for sizes that are out of range.
flatbuffers::Offset<schema::Audio> writeAudio(flatbuffers::FlatBufferBuilder& builder, mlir::ModuleOp module);

}  // namespace quantc
