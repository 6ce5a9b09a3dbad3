// Loads that several threads bring, and small storages that are read together; run under ThreadSanitizer too.
#include "archive/support.hpp"

#include <map>

using namespace tarc_test;
using tarc::any_tensor;
using tarc::tensor;

namespace {

using tensors = std::map<std::string, tensor<std::uint8_t>>;

/// Of every size that is treated in another way: none, small ones side by side, several pieces with a rest.
tensors make() {
    tensors all;
    const auto add = [&](const char* name, std::int64_t n) {
        tensor<std::uint8_t> t = tensor<std::uint8_t>::empty({n});
        std::uint32_t x = static_cast<std::uint32_t>(n) * 2654435761u + 1;
        for (std::uint8_t& e : t.span()) e = static_cast<std::uint8_t>((x = x * 1664525u + 1013904223u) >> 24);
        all[name] = t;
    };
    for (int i = 0; i < 300; ++i) add(("small" + std::to_string(i)).c_str(), i * 7 % 1000);
    add("edge", 64 << 10);
    add("over", (64 << 10) + 1);
    add("block", 1 << 20);
    add("pieces", (4 << 20) + 12345);
    add("z", 3);
    return all;
}

void check_same(const tensors& a, const tensors& b) {
    REQUIRE(a.size() == b.size());
    for (const auto& [name, t] : a) {
        const auto& u = b.at(name);
        REQUIRE(u.numel() == t.numel());
        CHECK((t.numel() == 0 || std::memcmp(t.data(), u.data(), t.nbytes()) == 0));
        CHECK(reinterpret_cast<std::uintptr_t>(u.data()) % tarc::storage_alignment == 0);
    }
}

const tarc::save_options plain{.manifest = false};  // CRC-32 only

}  // namespace

TEST_CASE("however many threads, the bytes are the same") {
    const tensors all = make();
    for (const bool by_crc : {false, true}) {
        const bytes file = saved(all, by_crc ? plain : tarc::save_options{});
        for (const std::size_t threads : {0u, 1u, 2u, 7u}) {
            CAPTURE(threads);
            check_same(all, tarc::load<tensors>(file, "cpu", {.threads = threads}));
            check_same(all, tarc::load<tensors>(file, "cpu", {.verify = false, .threads = threads}));
            tensors into = tarc::clone(all);
            std::vector<const void*> before;
            for (auto& [name, t] : into) {
                before.push_back(t.data());
                std::memset(t.data(), 0, t.nbytes());
            }
            tarc::load_into(into, file, "cpu", {.in_place = true, .threads = threads});
            check_same(all, into);
            for (std::size_t i = 0; const auto& [name, t] : into) CHECK(t.data() == before[i++]);
        }
    }
}

TEST_CASE("a damaged byte is found wherever it is, and the field is named") {
    const tensors all = make();
    for (const bool by_crc : {false, true}) {
        bytes file = saved(all, by_crc ? plain : tarc::save_options{});
        std::map<std::string, std::string> fields;
        const tarc::archive ar = tarc::open(file);
        for (const tarc::entry& e : ar.entries())
            fields[std::string(ar.get().record_name(*e.value.get()->tensor->storage))] = e.path_text();
        for (const payload& p : payloads(file)) {
            if (!p.name.starts_with("data/") || p.begin == p.end) continue;
            if (p.end - p.begin < 2000 && p.begin / 64 % 16 != 0 && p.end - p.begin != 3)
                continue;  // some of the small ones
            for (const std::uint64_t at : {p.begin, p.begin + (p.end - p.begin) / 2, p.end - 1}) {
                file[at] ^= std::byte{16};
                for (const std::size_t threads : {1u, 3u}) {
                    const tarc::error e =
                        error_of([&] { (void)tarc::load<tensors>(file, "cpu", {.threads = threads}); });
                    CHECK(e.code() == tarc::errc::checksum_mismatch);
                    CHECK(e.record() == p.name);
                    CHECK(e.field() == fields.at(p.name));
                }
                file[at] ^= std::byte{16};
            }
        }
        file[find_payload(file, "data/5").begin - 30] ^= std::byte{1};  // what stands before it
        CHECK(error_of([&] { (void)tarc::load<tensors>(file, "cpu"); }).code() == tarc::errc::bad_archive);
    }
}

TEST_CASE("of several faults the first in the file is told, whichever thread met it") {
    bytes file = saved(make());
    for (const payload& p : payloads(file))
        if (p.name.starts_with("data/") && p.begin != p.end) file[p.end - 1] ^= std::byte{1};
    for (int i = 0; i < 20; ++i)
        CHECK(error_of([&] { (void)tarc::load<tensors>(file, "cpu", {.threads = 4}); }).record() == "data/0");
}

TEST_CASE("small tensors share an allocation, large ones and those of a resource have their own") {
    const bytes file = saved(make());
    const tensors all = tarc::load<tensors>(file, "cpu");
    CHECK(all.at("small1").storage().allocation() == all.at("small2").storage().allocation());
    CHECK(all.at("pieces").storage().allocation() == all.at("pieces").storage().identity());
    scripted_memory memory;
    {
        const tensors own = tarc::load<tensors>(file, memory);
        check_same(all, own);
        CHECK(memory.live == own.size());
    }
    CHECK(memory.live == 0);
}
