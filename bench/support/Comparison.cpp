#include "bench/support/Comparison.h"

#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace quantc::bench {

namespace {

using Json = nlohmann::json;

Side sideOf(const Json& line) {
  const auto name = line.at("side").get<std::string>();
  if (name != "ours" && name != "theirs")
    throw std::runtime_error("side '" + name + "', expected ours or theirs");
  return name == "ours" ? ours : theirs;
}

struct Collector {
  Comparison result;
  std::map<std::string, TokenBytes> bytes[sideCount];  // by model and pair

  static std::string keyOf(const std::string& model, const std::string& pair) { return model + "\n" + pair; }

  Row& rowOf(const Json& line) {
    const auto model = line.at("model").get<std::string>(), pair = line.at("pair").get<std::string>(),
               test = line.at("test").get<std::string>();
    const int threads = line.at("threads").get<int>();
    for (Row& row : result.rows)
      if (row.model == model && row.pair == pair && row.test == test && row.threads == threads)
        return row;
    Row& row = result.rows.emplace_back();
    row.model = model;
    row.pair = pair;
    row.test = test;
    row.threads = threads;
    row.positions = line.value("positions", 0.0);
    return row;
  }

  void add(const Json& line) {
    if (line.contains("value")) {
      rowOf(line).values[sideOf(line)].push_back(line["value"].get<double>());
    } else if (line.contains("weights")) {
      bytes[sideOf(line)][keyOf(line.at("model"), line.at("pair"))] = {line["weights"].get<double>(),
                                                                       line.at("kv_per_position").get<double>()};
    } else if (line.contains("bandwidth")) {
      result.bandwidth[line.at("threads").get<int>()].push_back(line["bandwidth"].get<double>());
    } else {
      for (const auto& [name, value] : line.items())
        result.facts[name] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  }

  void finish() {
    for (Row& row : result.rows) {
      for (Side side : {theirs, ours})
        if (const auto found = bytes[side].find(keyOf(row.model, row.pair)); found != bytes[side].end())
          row.bytes[side] = found->second;
      if (const auto found = result.bandwidth.find(row.threads); found != result.bandwidth.end())
        row.bandwidth = 1e9 * spreadOf(found->second).median;
    }
  }
};

double quotient(double a, double b) { return b > 0 ? a / b : 0; }

}  // namespace

double Row::ratio() const { return quotient(spread(ours).median, spread(theirs).median); }

Spread Row::ratios() const {
  std::vector<double> list;
  for (size_t i = 0; i < values[ours].size() && i < values[theirs].size(); ++i)
    list.push_back(quotient(values[ours][i], values[theirs][i]));
  return spreadOf(list);
}

double Row::bytesPerToken(Side side) const { return positions > 0 ? bytes[side].weights + positions * bytes[side].kvPerPosition : 0; }

double Row::share(Side side) const { return quotient(bytesPerToken(side) * spread(side).median, bandwidth); }

std::string Comparison::fact(const std::string& name) const {
  const auto found = facts.find(name);
  return found == facts.end() ? "unknown" : found->second;
}

Comparison readComparison(const std::string& path) {
  std::ifstream stream(path);
  if (!stream)
    throw std::runtime_error(path + ": cannot be opened");
  Collector collector;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    try {
      collector.add(Json::parse(line));
    } catch (const std::exception& error) {
      throw std::runtime_error(path + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  collector.finish();
  return collector.result;
}

std::string jsonOf(const Comparison& comparison) {
  nlohmann::ordered_json json = {
      {"facts", comparison.facts}, {"bandwidth", nlohmann::ordered_json::array()}, {"rows", nlohmann::ordered_json::array()}};
  for (const auto& [threads, values] : comparison.bandwidth)
    json["bandwidth"].push_back({{"threads", threads}, {"gigabytes_per_second", spreadOf(values).median}, {"rounds", values}});
  for (const Row& row : comparison.rows) {
    nlohmann::ordered_json item = {{"model", row.model}, {"pair", row.pair}, {"threads", row.threads}, {"test", row.test}};
    for (Side side : {theirs, ours}) {
      const Spread spread = row.spread(side);
      item[side == ours ? "ours" : "theirs"] = {{"tokens_per_second", spread.median},
                                                {"lowest", spread.lowest},
                                                {"highest", spread.highest},
                                                {"rounds", row.values[side]},
                                                {"bytes_per_token", row.bytesPerToken(side)},
                                                {"share_of_bandwidth", row.share(side)}};
    }
    const Spread ratios = row.ratios();
    item["ratio"] = row.ratio();
    item["ratio_lowest"] = ratios.lowest;
    item["ratio_highest"] = ratios.highest;
    json["rows"].push_back(std::move(item));
  }
  return json.dump(2) + "\n";
}

}  // namespace quantc::bench
