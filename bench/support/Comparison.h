// Two programs, measured on the same things in turn: what was recorded, and the forms in which it is shown.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/support/Statistics.h"

namespace quantc::bench {

enum Side { theirs, ours, sideCount };

/// What one generated token reads; all 0 where unknown.
struct TokenBytes {
  double weights = 0, kvPerPosition = 0;
};

/// One measurement: tokens per second, one value per round and side, in the order of the rounds.
struct Row {
  std::string model, pair;
  int threads = 0;
  std::string test;
  double positions = 0;  ///< earlier tokens that a generated one sees, on average; 0 for anything but decoding
  std::vector<double> values[sideCount];
  TokenBytes bytes[sideCount];
  double bandwidth = 0;  ///< bytes per second that this many threads read; 0 where not measured

  Spread spread(Side side) const { return spreadOf(values[side]); }
  /// Ours by theirs: of the medians.
  double ratio() const;
  /// Ours by theirs, round by round.
  Spread ratios() const;
  /// Bytes that a generated token reads, 0 where that is not known.
  double bytesPerToken(Side side) const;
  /// Bytes read per second by the machine's bandwidth, 0 where not known.
  double share(Side side) const;
};

struct Comparison {
  std::map<std::string, std::string> facts;      ///< theirs_name, ours_name, theirs_version, ..., machine
  std::map<int, std::vector<double>> bandwidth;  ///< GB/s by threads
  std::vector<Row> rows;                         ///< in the order of their first measurements
  std::string fact(const std::string& name) const;
};

/// Lines of JSON, each one of
///   {"model", "pair", "side": "theirs"|"ours", "threads", "test", "value", "positions"?}   tokens per second
///   {"model", "pair", "side", "weights", "kv_per_position"}                                bytes of a generated token
///   {"threads", "bandwidth"}                                                               GB/s
///   facts: text by name; the last of a name counts
/// Throws std::runtime_error with the file and the line.
Comparison readComparison(const std::string& path);

std::string tableOf(const Comparison& comparison);
std::string jsonOf(const Comparison& comparison);
/// SVG: a bar per row, the ratio, with the range of its rounds.
std::string plotOf(const Comparison& comparison);

}  // namespace quantc::bench
