#include "compiler/tokenizer/SentencePieceModel.h"

#include <cstring>

#include "compiler/support/Error.h"
#include "compiler/support/MappedFile.h"
#include "compiler/tokenizer/ScoredVocabulary.h"
#include "compiler/tokenizer/TokenizerJson.h"
#include "compiler/weights/ProtoWire.h"

namespace quantc::tokenizer_import {
namespace {

constexpr size_t fileLimit = size_t{256} << 20;
constexpr size_t pieceLimit = 1 << 21;

// Numbers of fields in sentencepiece_model.proto.
enum ModelField { modelPieces = 1, modelTrainer = 2, modelNormalizer = 3 };
enum PieceField { pieceText = 1, pieceScore = 2, pieceType = 3 };
enum TrainerField { trainerModelType = 3, trainerSpaceAsSuffix = 24, trainerByteFallback = 35, trainerBos = 41, trainerEos = 42 };
enum NormalizerField { normalizerCharsmap = 2, normalizerDummyPrefix = 3, normalizerRemoveExtra = 4, normalizerEscape = 5 };
constexpr uint64_t typeUnigram = 1, typeBpe = 2;

class Reader {
public:
  Reader(const std::filesystem::path& file, TokenizerTables& out) : out(out) {
    vocabulary.where = file.string();
    vocabulary.removeExtraSpaces = true;
  }

  void run(std::string_view message) {
    WireReader reader(message);
    for (WireField field; reader.next(field);) {
      if (field.type != WireType::bytes)
        continue;
      if (field.number == modelPieces)
        readPiece(field.payload);
      else if (field.number == modelTrainer)
        readTrainer(field.payload);
      else if (field.number == modelNormalizer)
        readNormalizer(field.payload);
    }
    check(reader);
    readScoredVocabulary(vocabulary, out);
    // Nothing in the file says what is put around texts. Models of this BPE (Llama 1 and 2, Mistral, Gemma) begin theirs with BOS.
    if (vocabulary.bpe && isControl(bos))
      out.prefix.push_back(static_cast<int32_t>(bos));
    if (isControl(eos))
      out.eos.push_back(static_cast<int32_t>(eos));
    out.sourceDescription = describe(out);
  }

private:
  void readPiece(std::string_view message) {
    ScoredPiece piece;
    WireReader reader(message);
    for (WireField field; reader.next(field);) {
      if (field.number == pieceText && field.type == WireType::bytes) {
        piece.text = std::string(field.payload);
      } else if (field.number == pieceScore && field.type == WireType::fixed32) {
        const uint32_t bits = static_cast<uint32_t>(field.value);
        memcpy(&piece.score, &bits, sizeof piece.score);
      } else if (field.number == pieceType && field.type == WireType::varint) {
        if (field.value < 1 || field.value > 6)
          fail("piece " + std::to_string(vocabulary.pieces.size()) + " is of unknown type " + std::to_string(field.value));
        piece.type = static_cast<PieceType>(field.value);
      }
    }
    check(reader);
    if (vocabulary.pieces.size() == pieceLimit)
      fail("has more than " + std::to_string(pieceLimit) + " pieces");
    vocabulary.pieces.push_back(std::move(piece));
  }

  void readTrainer(std::string_view message) {
    WireReader reader(message);
    for (WireField field; reader.next(field);) {
      if (field.type != WireType::varint)
        continue;
      switch (field.number) {
      case trainerModelType:
        if (field.value != typeUnigram && field.value != typeBpe)
          refuse("model type " + std::to_string(field.value) + ", expected Unigram or BPE");
        vocabulary.bpe = field.value == typeBpe;
        break;
      case trainerSpaceAsSuffix:
        if (field.value != 0)
          refuse("treat_whitespace_as_suffix");
        break;
      case trainerByteFallback: vocabulary.byteFallback = field.value != 0; break;
      case trainerBos: bos = field.value; break;
      case trainerEos: eos = field.value; break;
      default: break;
      }
    }
    check(reader);
  }

  void readNormalizer(std::string_view message) {
    WireReader reader(message);
    for (WireField field; reader.next(field);) {
      if (field.number == normalizerCharsmap && field.type == WireType::bytes)
        vocabulary.charsmap = std::string(field.payload);
      else if (field.number == normalizerDummyPrefix && field.type == WireType::varint)
        vocabulary.prependSpace = field.value != 0 ? schema::PrependSpace_at_start : schema::PrependSpace_never;
      else if (field.number == normalizerRemoveExtra && field.type == WireType::varint)
        vocabulary.removeExtraSpaces = field.value != 0;
      else if (field.number == normalizerEscape && field.type == WireType::varint)
        vocabulary.escapeSpaces = field.value != 0;
    }
    check(reader);
  }

  bool isControl(uint64_t id) const { return id < vocabulary.pieces.size() && vocabulary.pieces[id].type == PieceType::control; }

  void check(const WireReader& reader) const {
    if (reader.failed())
      fail("is not a SentencePiece model");
  }
  [[noreturn]] void fail(const std::string& what) const { throw UserError(vocabulary.where, what + "; fetch the file again"); }
  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError(vocabulary.where, "asks for what the runtime's tokenizers cannot do: " + what +
                                          "; remove the file from the folder and give the model token ids");
  }

  ScoredVocabulary vocabulary;
  TokenizerTables& out;
  uint64_t bos = 1;
  uint64_t eos = 2;
};

}  // namespace

void readSentencePieceModel(const std::filesystem::path& file, TokenizerTables& out) {
  const MappedFile mapped(file);
  if (mapped.size() > fileLimit)
    throw UserError(file.string(), "has " + std::to_string(mapped.size()) + " bytes, at most " + std::to_string(fileLimit) +
                                       " are read; it is not a SentencePiece model");
  Reader(file, out).run({reinterpret_cast<const char*>(mapped.data()), mapped.size()});
}

}  // namespace quantc::tokenizer_import
