#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/pfr/core.hpp>

#include <tarc/archive/plan.hpp>
#include <tarc/archive/save_async.hpp>
#include <tarc/tarc.hpp>
#ifdef BENCH_ZSTD
#include <tarc/codec/zstd.hpp>
#endif

#include "peer.hpp"
#include "workloads.hpp"

namespace bench {
namespace {

/// Calls `f` for every tensor of a value.
template <class T, class F>
void each_tensor(const T& v, F& f) {
    if constexpr (std::is_base_of_v<tarc::tensor_base, T>) {
        if (v.defined()) f(v);
    } else if constexpr (std::ranges::range<T>) {
        for (const auto& element : v) each_tensor(element, f);
    } else if constexpr (requires { v.has_value(); }) {
        if (v) each_tensor(*v, f);
    } else if constexpr (requires { v.second; }) {
        each_tensor(v.second, f);
    } else if constexpr (std::is_aggregate_v<T>) {
        boost::pfr::for_each_field(v, [&](const auto& field) { each_tensor(field, f); });
    }
}

std::uint64_t sum_of_tensor(const tarc::tensor_base& t) {
    if (!t.is_contiguous()) return sum_of_tensor(tarc::any_tensor(t).clone());
    return sum(t.raw_data(), t.nbytes());
}

template <class T>
std::uint64_t sum_of(const T& value) {
    std::uint64_t total = 0;
    const auto add = [&](const tarc::tensor_base& t) { total += sum_of_tensor(t); };
    each_tensor(value, add);
    return total;
}

template <class T>
peer peer_of() {
    struct state {
        T held = {};
        std::optional<T> loaded = {};
        std::optional<tarc::plan<T>> plan = {};
        std::uint64_t read = 0;
    };
    const auto s = std::make_shared<state>();
    peer p;
    p.hold = [s](const std::string& path) { s->held = tarc::load<T>(path, "cpu"); };

    const auto saves = [&](const char* name, const tarc::save_options& options) {
        p.operations[name].run = [s, options](const std::string& path) { tarc::save(s->held, path, options); };
    };
    saves("save", {.durability = tarc::durability::atomic});
    saves("save_durable", {});
    const auto pending = std::make_shared<tarc::pending_save>();
    p.operations["save_async"].run = [s, pending](const std::string& path) {
        *pending = tarc::save_async(s->held, path, {.durability = tarc::durability::atomic});
    };
    p.operations["save_async"].finish = [pending] {
        pending->get();
        return std::uint64_t{0};
    };
#ifdef BENCH_ZSTD
    saves("save_zstd", {.durability = tarc::durability::atomic, .codec = tarc::zstd{}});
#endif

    const auto loads = [&](const char* name, auto load) {
        operation& o = p.operations[name];
        o.prepare = [s](const std::string&) { s->loaded.reset(); };
        o.run = [s, load](const std::string& path) { s->loaded.emplace(load(path)); };
        o.finish = [s] {
            const std::uint64_t read = sum_of(*s->loaded);
            s->loaded.reset();
            return read;
        };
    };
    loads("load", [](const std::string& path) { return tarc::load<T>(path, "cpu"); });
    loads("load_one_thread", [](const std::string& path) { return tarc::load<T>(path, "cpu", {.threads = 1}); });
#ifdef BENCH_ZSTD
    loads("load_zstd", [](const std::string& path) { return tarc::load<T>(path, "cpu"); });
#endif
    loads("open", [](const std::string& path) { return tarc::load<T>(path, tarc::mapped); });
    loads("open_read", [s](const std::string& path) {
        T value = tarc::load<T>(path, tarc::mapped);
        s->read = sum_of(value);
        return value;
    });

    loads("open_again", [s](const std::string&) { return s->plan->load(); });
    p.operations["open_again"].prepare = [s](const std::string& path) {
        s->loaded.reset();
        if (s->plan) return;
        s->plan.emplace(path, tarc::mapped);
        static_cast<void>(s->plan->load());
    };

    operation& into = p.operations["load_into"];
    into.prepare = [s](const std::string& path) {
        if (!s->loaded) s->loaded = tarc::load<T>(path, "cpu");
    };
    into.run = [s](const std::string& path) { tarc::load_into(*s->loaded, path, "cpu", {.in_place = true}); };
    into.finish = [s] { return sum_of(*s->loaded); };
    return p;
}

}  // namespace

peer tarc_peer(const std::string& workload) {
    if (workload == "W1") return peer_of<cifar_checkpoint>();
    if (workload == "W3") return peer_of<llama>();
    if (workload == "W4") return peer_of<gpt2_checkpoint>();
    return peer_of<state_dict>();
}

static void add_tensors(const tarc::value& v, const std::string& path, std::vector<named_tensor>& to) {
    const auto below = [&](const std::string& step) { return path.empty() ? step : path + "." + step; };
    if (v.kind() == tarc::value_kind::tensor) to.push_back({path, v.as_tensor()});
    if (v.kind() == tarc::value_kind::list)
        for (std::size_t i = 0; i < v.size(); ++i) add_tensors(v[i], below(std::to_string(i)), to);
    if (v.kind() == tarc::value_kind::dict)
        for (const auto& [key, value] : v.items())
            add_tensors(value,
                        below(key.kind() == tarc::value_kind::string ? std::string(key.as_string())
                                                                     : std::to_string(key.as_int())),
                        to);
}

std::vector<named_tensor> tensors_of(const std::string& path) {
    std::vector<named_tensor> found;
    add_tensors(tarc::open(path).value("cpu"), "", found);
    for (named_tensor& t : found)
        if (!t.tensor.is_contiguous()) t.tensor = t.tensor.clone();
    return found;
}

}  // namespace bench
