// nvcc finds no field names; where tarc::describe states them, a .cu file saves and loads by itself.
#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

struct linear {
    tarc::tensor<float, 2, 3> weight;
    tarc::tensor<float, 2> bias;
};
struct net {
    linear first, last;
};
struct one_field {
    net model;
};
enum class phase { warm, cold };
struct checkpoint {
    std::int64_t epoch = 0;
    net model;
    tarc::optim::adamw optimizer;
    std::map<std::string, double> metrics;
    std::optional<int> seed;
    phase now = phase::warm;
    std::pair<int, bool> pair;
    std::tuple<int, std::string> tuple;
    std::variant<int, std::string> variant;
    std::vector<linear> more;
    one_field best;
    tarc::optim::sgd momentum;
    tarc::rest others;
};
template <>
inline constexpr auto tarc::describe<linear> = tarc::field_names{"weight", "bias"};
template <>
inline constexpr auto tarc::describe<net> = std::tuple{tarc::field_names{"first", "last"}, tarc::rename{"first", "0"}};
template <>
inline constexpr auto tarc::describe<one_field> = tarc::field_names{"model"};
template <>
inline constexpr auto tarc::describe<checkpoint> =
    tarc::field_names{"epoch", "model",   "optimizer", "metrics", "seed",     "now",   "pair",
                      "tuple", "variant", "more",      "best",    "momentum", "others"};
template <>
inline constexpr tarc::enum_name<phase> tarc::enum_names<phase>[] = {{phase::warm, "warm"}, {phase::cold, "cold"}};

struct everything_here {
    tarc::placement operator()(const tarc::storage_info&) const { return tarc::device::cpu(); }
};
static_assert(tarc::map_location_policy<everything_here>);
static_assert(tarc::is_module<net> && !tarc::is_module<checkpoint>);

int main() {
    checkpoint c;
    c.epoch = 3;
    c.now = phase::cold;
    c.metrics["loss"] = 0.25;
    c.variant = "text";
    for (linear* l : {&c.model.first, &c.model.last}) {
        l->weight = tarc::tensor<float, 2, 3>::full({2, 3}, 0.5f);
        l->bias = tarc::tensor<float, 2>::full({2}, 1.f);
    }
    tarc::optim::add_parameters(c.optimizer, c.model);
    c.momentum.state[0].momentum_buffer = tarc::tensor<float>::full({2, 3}, 4.f);
    c.best.model = c.model;
    tarc::save(c, "named.pt");

    checkpoint d = tarc::load<checkpoint>("named.pt", everything_here{});
    bool right = d.epoch == 3 && d.now == phase::cold && d.metrics["loss"] == 0.25 &&
                 d.model.last.weight(1, 2) == 0.5f && std::get<std::string>(d.variant) == "text" &&
                 d.optimizer.param_groups.size() == 1;
    right = right && tarc::load<checkpoint>("named.pt", tarc::remap{{"cuda:*", "cpu"}}).epoch == 3;
    right = right && d.momentum.state.at(0).momentum_buffer->as<float>()(1, 1) == 4.f;
    right = right && d.best.model.last.bias.storage() == d.model.last.bias.storage();
    right = right && tarc::load_into(d.model, "named.pt", "cpu", {.at = {"model"}}).clean();
    const tarc::archive archive = tarc::open("named.pt");
    right = right && archive.load<&checkpoint::model>().first.bias(0) == 1.f;
    right = right && archive.tensor({"model", "0.weight"}).numel() == 6;
    right = right && tarc::clone(d).model.first.bias(1) == 1.f && tarc::parameters(d.model).size() == 4;
    right = right && tarc::schema_text<net>().starts_with("0.weight: float32[2,3]\n0.bias: float32[2]\nlast.weight");
    std::printf("named.cu: %s\n", right ? "the same came back" : "something else came back");
    return right ? 0 : 1;
}
