#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <tarc/archive/save_async.hpp>

#include "support.hpp"

/// What tarc does with devices, each as one function that checks its own result: run in every order by relocation.cpp,
/// with an error at every call by faults.cpp. They throw tarc::error for what the device says, std::logic_error for
/// what tarc did wrong. A target that must not change is compared before an error leaves.
namespace tarc_test {

struct layer {
    tarc::tensor<float> weight, bias;
};
struct network {
    layer first, second;
    tarc::tensor<float> tied;  // rows of second.weight
};
struct run_state {
    std::int64_t epoch = 0;
    network model;
    tarc::tensor<bool> mask;
    tarc::tensor<std::int64_t> steps;
};

/// Slots so small that the ring is used many times over.
inline constexpr tarc::staging tight{2, std::size_t{1} << 20};

inline tarc::tensor<float> ramp(std::initializer_list<std::int64_t> shape, float start) {
    auto t = tarc::tensor<float>::empty(shape);
    for (float& x : t.span()) x = start++;
    return t;
}

/// 2.4 MB in first.weight, 0.4 MB in second.weight, the rest is small. Made once for each start: nothing writes to it.
inline const run_state& make_state(float start) {
    static std::mutex guard;
    static std::map<float, run_state> made;
    const std::lock_guard lock(guard);
    const auto [at, is_new] = made.try_emplace(start);
    run_state& s = at->second;
    if (!is_new) return s;
    s.epoch = static_cast<std::int64_t>(start);
    s.model.first = {ramp({600, 1024}, start), ramp({600}, start + 1)};
    s.model.second = {ramp({10, 10000}, start + 2), ramp({10}, start + 3)};
    s.model.tied = s.model.second.weight.narrow(0, 2, 3);
    s.mask = tarc::tensor<bool>::from({true, false, true}, {3});
    s.steps = tarc::tensor<std::int64_t>::full({2, 2}, static_cast<std::int64_t>(start) + 7);
    return s;
}

/// Whether the elements are the same, wherever they are.
inline bool same(const tarc::tensor_base& a, const tarc::tensor_base& b) {
    if (!std::equal(a.shape().begin(), a.shape().end(), b.shape().begin(), b.shape().end())) return false;
    const auto x = tarc::any_tensor(a).to(tarc::device::cpu()).clone(), y = tarc::any_tensor(b).clone();
    return a.dtype() == b.dtype() && std::memcmp(x.raw_data(), y.raw_data(), x.nbytes()) == 0;
}

inline void require_same(const run_state& found, const run_state& wanted) {
    require(found.epoch == wanted.epoch, "the epoch differs");
    require(same(found.model.first.weight, wanted.model.first.weight), "first.weight differs");
    require(same(found.model.first.bias, wanted.model.first.bias), "first.bias differs");
    require(same(found.model.second.weight, wanted.model.second.weight), "second.weight differs");
    require(same(found.model.second.bias, wanted.model.second.bias), "second.bias differs");
    require(same(found.model.tied, wanted.model.tied), "tied differs");
    require(found.model.tied.storage() == found.model.second.weight.storage(), "the tie is lost");
    require(same(found.mask, wanted.mask), "mask differs");
    require(same(found.steps, wanted.steps), "steps differ");
}

/// The file of an object that lives as long as the program and does not change, made once: a scenario runs thousands of
/// times, and a third of its time went into this.
template <class T>
const bytes& file_of(const T& constant, const std::string& location = "cpu") {
    static std::mutex guard;
    static std::map<std::pair<const T*, std::string>, bytes> made;
    const std::lock_guard lock(guard);
    bytes& file = made[{&constant, location}];
    if (file.empty()) file = saved(constant, {.location = location});
    return file;
}

/// A copy of what make_state() gave.
inline run_state on_device(const run_state& s, int index) {
    return tarc::load<run_state>(file_of(s), tarc::device::cuda(index));
}

/// What can be told of a target without the device: handles, shapes, scalars.
inline std::vector<const void*> identity(const run_state& s) {
    std::vector<const void*> all;
    for (const tarc::tensor<float>* t :
         {&s.model.first.weight, &s.model.first.bias, &s.model.second.weight, &s.model.second.bias, &s.model.tied}) {
        all.push_back(t->storage().identity());
        all.push_back(t->raw_data());
    }
    all.push_back(s.mask.storage().identity());
    all.push_back(s.steps.storage().identity());
    return all;
}

/// The device's bytes as they are, asked behind the program's back; nothing on real hardware.
inline bytes peeked(const tarc::tensor_base& t) {
    bytes out(t.nbytes());
    if (simulation() != nullptr && t.device().type == tarc::device_type::cuda)
        require(simulation()->peek(t.raw_data(), out.data(), out.size()), "a target's memory is gone");
    return out;
}

/// Runs a load into `target` that may fail, after which it must be what it was.
template <class F>
void guarded(run_state& target, F&& load, bool bytes_too = true) {
    const auto before = identity(target);
    const auto epoch = target.epoch;
    const bytes first = peeked(target.model.first.weight), second = peeked(target.model.second.bias);
    try {
        load();
    } catch (const tarc::error& e) {
        require(identity(target) == before && target.epoch == epoch, "a failed load changed its target");
        if (bytes_too || !e.torn()) {
            require(same_bytes(peeked(target.model.first.weight), first), "a failed load changed bytes of its target");
            require(same_bytes(peeked(target.model.second.bias), second), "a failed load changed bytes of its target");
        }
        throw;
    }
}

struct by_size {
    tarc::placement operator()(const tarc::storage_info& s) const {
        if (s.nbytes > 1'000'000) return tarc::device::cuda(1);
        if (s.dtype == tarc::dtype::int64) return tarc::device::cpu();
        return tarc::device::cuda(0);
    }
};
static_assert(tarc::map_location_policy<by_size>);

namespace scenarios {

inline void load_to_a_device() {
    const run_state& host = make_state(3);
    const run_state s = tarc::load<run_state>(file_of(host), "cuda:0", {.staging = tight});
    require(s.model.first.weight.device() == tarc::device::cuda(0), "not on the device");
    require_same(s, host);
}

inline void load_as_saved() {
    const run_state& host = make_state(4);
    const run_state s = tarc::load<run_state>(file_of(host, "cuda:1"));
    require(s.mask.device() == tarc::device::cuda(1), "not on the device of its tag");
    require_same(s, host);
}

inline void split_by_policy() {
    const run_state& host = make_state(5);
    const run_state s = tarc::load<run_state>(file_of(host), by_size{}, {.staging = tight});
    require(s.model.first.weight.device() == tarc::device::cuda(1), "the large one is elsewhere");
    require(s.model.first.bias.device() == tarc::device::cuda(0), "the small one is elsewhere");
    require(s.steps.device() == tarc::device::cpu(), "the counter is elsewhere");
    require_same(s, host);
}

inline void load_into_a_target() {
    run_state target = on_device(make_state(1), 0);
    const auto other = target.model.first.bias;
    const run_state& host = make_state(6);
    guarded(target, [&] { tarc::load_into(target, file_of(host), "cuda:0", {.staging = tight}); });
    require_same(target, host);
    require(elements(other)[0] == 2, "another handle changed");
}

inline void load_in_place() {
    run_state target = on_device(make_state(1), 1);
    const auto before = identity(target);
    const run_state& host = make_state(7);
    guarded(target, [&] { tarc::load_into(target, file_of(host), {.in_place = true, .staging = tight}); }, false);
    require(identity(target) == before, "in place, but memory is new");
    require_same(target, host);
}

struct halves {
    tarc::tensor<float> a, b;
};

inline void load_views_in_place() {
    static const auto flat = ramp({600'000}, 3);
    static const halves host{flat.narrow(0, 0, 400'000), flat.narrow(0, 350'000, 250'000)};  // one storage, overlapping
    static const auto zeros = tarc::tensor<float>::zeros({400'000});
    halves target{zeros.to(tarc::device::cuda(0)), zeros.narrow(0, 0, 250'000).to(tarc::device::cuda(0))};
    const auto a = target.a.storage(), b = target.b.storage();
    tarc::load_into(target, file_of(host), {.in_place = true, .staging = tight});
    require(target.a.storage() == a && target.b.storage() == b, "in place, but memory is new");
    require(same(target.a, host.a) && same(target.b, host.b), "views differ");
}

inline void save_from_devices() {
    const run_state& host = make_state(8);
    const run_state s = on_device(host, 0);
    require(same_bytes(saved(s, {.staging = tight}), file_of(host, "cuda:0")), "saved bytes differ");
}

inline void save_asynchronously() {
    const run_state& host = make_state(10);
    tarc::async_saver saver;
    run_state s = on_device(host, 1);
    const tarc::pending_save p = saver.save(s, "async.pt", {.durability = tarc::durability::atomic, .staging = tight});
    s = {};
    p.get();
    require_same(tarc::load<run_state>("async.pt", "cpu"), host);
}

inline void save_split() {
    const run_state& host = make_state(9);
    const run_state s = tarc::load<run_state>(file_of(host), by_size{});
    const bytes file = saved(s, {.staging = tight});
    require(same_bytes(saved(tarc::load<run_state>(file, "cpu")), file_of(host)), "saved bytes differ");
    require(tarc::open(file).entries()[1].location == "cuda:1", "the tag is not where the storage was");
}

inline void copy_about() {
    const auto host = ramp({300, 7}, 1);
    const auto a = host.to(tarc::device::cuda(0));
    const auto b = a.to(tarc::device::cuda(1));
    const auto c = b.clone();
    const auto d = c.transpose(0, 1).to(tarc::device::cpu());
    require(a.to(tarc::device::cuda(0)).storage() == a.storage(), "a copy to where it is");
    require(c.device() == tarc::device::cuda(1) && c.storage() != b.storage(), "clone() is no copy on its device");
    require(same(d, host.transpose(0, 1)), "copies differ");
    const network n = tarc::clone(on_device(make_state(2), 1).model);
    require(n.tied.storage() == n.second.weight.storage(), "clone() undid a tie");
    require(same(n.first.bias, make_state(2).model.first.bias), "clone() differs");
}

inline void structs_to_devices() {
    const run_state& host = make_state(12);
    const run_state there = tarc::to(host, tarc::device::cuda(1));
    require_same(there, host);
    require(there.mask.device() == tarc::device::cuda(1), "not on the device");
    require(tarc::to(there, tarc::device::cuda(1)).mask.storage() == there.mask.storage(), "copied to where it was");
    const run_state back = tarc::to(tarc::to(there, tarc::device::cuda(0)), tarc::device::cpu());
    require(same_bytes(saved(back), file_of(host)), "it came back changed");
    tarc::value v = tarc::open(file_of(host)).value();
    v = tarc::to(v, tarc::device::cuda(0));
    require(same_bytes(saved(v, {.manifest = false}), saved(host, {.location = "cuda:0", .manifest = false})),
            "a value differs");

    const auto edited = ramp({600}, 50);  // edited on the host, put back where others see it
    const auto handle = there.model.first.bias;
    there.model.first.bias.copy_from(edited);
    require(same(handle, edited), "copy_from() did not reach the other handle");
    there.model.second.weight.select(0, 3).copy_from(there.model.second.weight.select(0, 4));
    require(same(there.model.tied.select(0, 1), host.model.second.weight.select(0, 4)),
            "copy_from() of a view differs");
}

struct many {
    std::vector<tarc::tensor<float>> list;
};

inline void many_small_ones() {
    many host;
    for (int i = 0; i < 60; ++i) host.list.push_back(ramp({1 + i % 50, 3}, static_cast<float>(i)));
    host.list.push_back(tarc::tensor<float>::empty({0, 3}));
    const many m = tarc::load<many>(saved(host), "cuda:0");
    for (std::size_t i = 0; i < host.list.size(); i += 20) require(same(m.list[i], host.list[i]), "one differs");
    require(saved(m) == saved(host, {.location = "cuda:0"}), "saved bytes differ");
}

inline void stream_ordered() {
    tarc::cuda::stream_ordered_memory pool(1);
    const run_state& host = make_state(10);
    const run_state s = tarc::load<run_state>(file_of(host), pool, {.staging = tight});
    require(s.mask.device() == tarc::device::cuda(1), "not on the pool's device");
    require_same(s, host);
    require(same_bytes(saved(s), file_of(host, "cuda:1")), "saved bytes differ");
}

inline void parts() {
    const run_state& host = make_state(11);
    const bytes& file = file_of(host);
    const tarc::archive ar = tarc::open(file);
    const network n = ar.load<&run_state::model>("cuda:0", {.staging = tight});
    require(same(n.first.weight, host.model.first.weight), "a part differs");
    require(same(ar.tensor({"model", "second.bias"}, "cuda:1"), host.model.second.bias), "a tensor differs");
    const tarc::value v = ar.value("cuda:0");
    require(v["mask"].as_tensor().device() == tarc::device::cuda(0), "a value's tensor is elsewhere");
    require(tarc::load<run_state>(saved(v), "cpu").epoch == 11, "a value's copy differs");
}

/// Half of it is converted, half is not; two fields are one storage of the file.
inline void conversions() {
    struct stored {
        tarc::tensor<tarc::bfloat16> a, b;
        tarc::tensor<float> c;
    };
    struct wanted {
        tarc::tensor<float> a, b, c;
    };
    stored s{tarc::tensor<tarc::bfloat16>::full({300, 1000}, tarc::bfloat16(1.5f)), {}, ramp({40}, 3)};
    s.b = s.a.narrow(0, 7, 2);
    const bytes file = saved(s);
    const tarc::load_options widen{.dtypes = tarc::dtype_policy::widen, .staging = tight};
    wanted w = tarc::load<wanted>(file, "cuda:0", widen);
    const auto half = tarc::tensor<float>::full({300, 1000}, 1.5f);
    require(w.a.device() == tarc::device::cuda(0) && same(w.a, half), "a converted tensor differs");
    require(w.b.storage() == w.a.storage() && same(w.b, half.narrow(0, 7, 2)), "a converted view differs");
    require(same(w.c, s.c), "what is not converted differs");
    const tarc::storage before = w.a.storage();
    tarc::load_options in_place = widen;
    in_place.in_place = true;
    const bytes other =
        saved(stored{tarc::tensor<tarc::bfloat16>::full({300, 1000}, tarc::bfloat16(2.5f)),
                     tarc::tensor<tarc::bfloat16>::full({2, 1000}, tarc::bfloat16(2.5f)), ramp({40}, 3)});
    tarc::load_into(w, other, "cuda:1", in_place);
    require(w.a.storage() == before && same(w.a, tarc::tensor<float>::full({300, 1000}, 2.5f)), "in place it differs");
}

struct named {
    const char* name;
    void (*run)();
};
inline constexpr named all[] = {
    {"load to a device", load_to_a_device},
    {"load as saved", load_as_saved},
    {"split by policy", split_by_policy},
    {"load into a target", load_into_a_target},
    {"load in place", load_in_place},
    {"load views in place", load_views_in_place},
    {"save from devices", save_from_devices},
    {"save split", save_split},
    {"save asynchronously", save_asynchronously},
    {"copy about", copy_about},
    {"structs to devices", structs_to_devices},
    {"many small ones", many_small_ones},
    {"stream-ordered memory", stream_ordered},
    {"parts", parts},
    {"conversions", conversions},
};

}  // namespace scenarios
}  // namespace tarc_test
