#include "compiler/tokenizer/TokenizerJson.h"
#include "tests/fuzz/Harness.h"
#include "tests/fuzz/Tables.h"
#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::fuzz {
namespace {

void run(std::string_view bytes) {
  mayRefuse([&] {
    const nlohmann::json values = parseJson(bytes, "tokenizer.json");
    TokenizerTables tables;
    tokenizer_import::readTokenizerJson(tokenizer_import::JsonPlace(values, "tokenizer.json"), tables);
    useTables(tables);
  });
}

constexpr char unigram[] =
    R"json({"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":5,"content":" x ","normalized":true,"lstrip":true,
"single_word":true}],"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},
{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "},{"type":"Strip","strip_left":true},
{"type":"Prepend","prepend":"_"}]},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first",
"split":true},"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"SpecialToken":
{"id":"</s>"}}],"special_tokens":{"</s>":{"ids":[1]}}},"decoder":{"type":"Metaspace"},"model":{"type":"Unigram",
"unk_id":0,"vocab":[["<unk>",0],["</s>",0],["▁",-1.5],["a",-2],["▁a",-2.5]]}})json";

constexpr char wordPiece[] =
    R"json({"normalizer":{"type":"BertNormalizer","lowercase":true,"strip_accents":null},"pre_tokenizer":{"type":"Sequence",
"pretokenizers":[{"type":"BertPreTokenizer"},{"type":"Digits","individual_digits":true},{"type":"Split","pattern":
{"Regex":"(?i:'s|[^\\p{L}]+)|a(?=b)"},"behavior":"MergedWithNext","invert":false}]},"post_processor":
{"type":"BertProcessing","cls":["[CLS]",1],"sep":["[SEP]",2]},"decoder":{"type":"WordPiece","prefix":"##"},
"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"##b":4,"1":5}}})json";

/// A vocabulary of few characters, so that the fuzzer does not spend its time on names of bytes.
constexpr char byteLevel[] =
    R"json({"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":
"\\p{N}{1,3}|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)|\\s"},"behavior":"Isolated"},{"type":"ByteLevel","use_regex":false,
"add_prefix_space":false}]},"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"a":0,"b":1,"Ġ":2,
"ab":3,"Ġab":4},"merges":["a b",["Ġ","ab"]],"ignore_merges":true}})json";

constexpr char wordLevel[] =
    R"json({"added_tokens":[{"id":3,"content":"[SEP]","special":true}],"pre_tokenizer":{"type":"Split","pattern":{"Regex":
"(?<=a|bc)\\s|(?<!\\p{L})."},"behavior":"Isolated"},"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":
{"id":"A"}}],"pair":[{"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"[SEP]","type_id":2}},{"Sequence":{"id":
"A","type_id":0}}],"special_tokens":{"[SEP]":{"ids":[3]}}},"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,
"a":1,"bc":2}}})json";

std::vector<std::string> seeds() { return {unigram, wordPiece, byteLevel, wordLevel}; }

}  // namespace

const Harness tokenizerJson = {"tokenizerJson", run, seeds};

}  // namespace quantc::fuzz
