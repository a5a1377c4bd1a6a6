// What SentencePiece itself makes of texts: a program of its own, because the library has symbols of a protobuf inside that clash with libprotobuf's.
// usage: sentencepiece_reference MODEL < texts, each ended by NUL > for each text a line of ids, then what they decode to, ended by NUL
#include <sentencepiece_processor.h>

#include <iostream>

int main(int count, char** words) {
  sentencepiece::SentencePieceProcessor processor;
  if (count != 2 || !processor.Load(words[1]).ok())
    return 1;
  for (std::string text; std::getline(std::cin, text, '\0');) {
    const std::vector<int> ids = processor.EncodeAsIds(text);
    for (const int id : ids)
      std::cout << id << ' ';
    std::cout << '\n' << processor.DecodeIds(ids) << '\0';
  }
  return 0;
}
