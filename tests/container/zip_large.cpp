// Past 4 GiB and past 65,535 records. Payloads of zeros are counted, not kept.

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tarc/container/zip_reader.hpp>
#include <tarc/container/zip_writer.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/io/source.hpp>

#include "container/zip_builder.hpp"

using tarc_test::bytes_of;
using tarc_test::memory;
using tarc_test::text_of;

namespace {

const std::vector<std::byte> zeros(std::size_t{1} << 22);

/// Keeps all but the pieces that are `zeros`.
class sparse_sink final : public tarc::sink {
public:
    void write(std::span<const std::byte> bytes) override {
        if (bytes.data() != zeros.data()) pieces[size].assign(bytes.begin(), bytes.end());
        size += bytes.size();
    }
    std::map<std::uint64_t, std::vector<std::byte>> pieces;
    std::uint64_t size = 0;
};

class sparse_source final : public tarc::source {
public:
    explicit sparse_source(const sparse_sink& from) : from_(from) {}
    std::uint64_t size() const override { return from_.size; }
    void read(std::uint64_t offset, std::span<std::byte> out) override {
        require_range(offset, out.size());
        std::fill(out.begin(), out.end(), std::byte{0});
        auto piece = from_.pieces.upper_bound(offset);
        if (piece != from_.pieces.begin()) --piece;
        for (; piece != from_.pieces.end() && piece->first < offset + out.size(); ++piece) {
            const std::uint64_t end = piece->first + piece->second.size();
            const std::uint64_t a = std::max(offset, piece->first), b = std::min(offset + out.size(), end);
            if (a < b) std::memcpy(out.data() + (a - offset), piece->second.data() + (a - piece->first), b - a);
        }
    }
    const std::string& name() const override { return name_; }

private:
    const sparse_sink& from_;
    std::string name_ = "<sparse>";
};

constexpr std::uint64_t edge = 0xFFFFFFFF;

void add_zeros(tarc::zip_writer& zip, const std::string& name, std::uint64_t size) {
    zip.begin(name, size);
    for (std::uint64_t left = size; left != 0;) {
        const std::uint64_t piece = std::min<std::uint64_t>(left, zeros.size());
        zip.append(std::span(zeros).first(piece));
        left -= piece;
    }
    zip.end();
}

void check_large(const std::shared_ptr<tarc::source>& file, const std::vector<std::uint64_t>& sizes) {
    const tarc::zip_reader in(file);
    in.check_all();
    REQUIRE(in.records().size() == sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const tarc::record& r = in.records()[i];
        CHECK(r.name == "data/" + std::to_string(i));
        CHECK(r.size == sizes[i]);
        CHECK(r.stored_size == sizes[i]);
        CHECK(in.payload_offset(r) % 64 == 0);
        if (r.size < 100) CHECK(text_of(in.read(r)) == std::string(r.size, 'x'));
    }
}

}  // namespace

TEST_CASE("sizes and offsets around 2^32 - 1, with no disk and on a sparse file") {
    const std::vector<std::uint64_t> sizes = {3, edge - 1, 5, edge, 0, 7, edge + 1, 9, 0};
    sparse_sink out;
    tarc::zip_writer zip(out);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const std::string name = "data/" + std::to_string(i);
        if (sizes[i] < 100) {
            zip.add(name, bytes_of(std::string(sizes[i], 'x')));
        } else {
            add_zeros(zip, name, sizes[i]);
        }
    }
    zip.finish();
    CHECK(zip.position() == out.size);
    check_large(std::make_shared<sparse_source>(out), sizes);

    const std::string path = "large.sparse";
    const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    REQUIRE(fd >= 0);
    bool written = ::ftruncate(fd, static_cast<off_t>(out.size)) == 0;
    for (const auto& [at, piece] : out.pieces) {
        written = written && ::pwrite(fd, piece.data(), piece.size(), static_cast<off_t>(at)) ==
                                 static_cast<ssize_t>(piece.size());
    }
    ::close(fd);
    if (written) {
        check_large(std::make_shared<tarc::file_source>(path), sizes);
    } else {
        MESSAGE("the sparse file was skipped: this file system has none of 12 GiB");
    }
    ::unlink(path.c_str());
}

TEST_CASE("the ZIP64 fields, byte by byte, when a header stands past 2^32") {
    // One record that ends short of the edge, one whose header is past it.
    sparse_sink out;
    tarc::zip_writer zip(out, "a");
    add_zeros(zip, "0", edge - 1);
    const std::uint64_t header = zip.position();
    CHECK(header == 64 + edge - 1 + 16);  // the first descriptor still has 32 bits
    zip.add("1", bytes_of("x"));
    const std::uint64_t end = zip.position();
    zip.finish();
    sparse_source in(out);
    const auto at = [&](std::uint64_t offset, std::size_t size) {
        std::vector<std::byte> bytes(size);
        in.read(offset, bytes);
        return bytes;
    };
    namespace z = tarc::detail::zip;
    const auto local = at(header, 64);
    CHECK(text_of(std::span(local).first(4)) == "PK\3\4");
    CHECK(z::load<std::uint64_t>(local.data() + 18) == 0);
    CHECK(z::load<std::uint16_t>(local.data() + 33) == 1);  // the ZIP64 field with the offset alone
    CHECK(z::load<std::uint16_t>(local.data() + 35) == 8);
    CHECK(z::load<std::uint64_t>(local.data() + 37) == header);
    CHECK(text_of(std::span(local).subspan(45, 2)) == "FB");
    const auto descriptor = at(end - 24, 24);  // 64 bits because of the offset, not of the size
    CHECK(text_of(std::span(descriptor).first(4)) == "PK\7\10");
    CHECK(z::load<std::uint64_t>(descriptor.data() + 8) == 1);
    CHECK(z::load<std::uint64_t>(descriptor.data() + 16) == 1);
    const auto central = at(end + 46 + 3, 46 + 3 + 12);
    CHECK(z::load<std::uint32_t>(central.data() + 20) == 1);
    CHECK(z::load<std::uint32_t>(central.data() + 42) == edge);
    CHECK(z::load<std::uint32_t>(central.data() + 49) == 0x00080001);
    CHECK(z::load<std::uint64_t>(central.data() + 53) == header);
}

TEST_CASE("numbers of records around 65,535") {
    for (const std::size_t count : {65534u, 65535u, 65536u, 66006u}) {
        tarc::memory_sink out;
        tarc::zip_writer zip(out);
        for (std::size_t i = 0; i < count; ++i) zip.add("data/" + std::to_string(i), bytes_of(std::to_string(i)));
        zip.finish();
        const tarc::zip_reader in(memory(text_of(out.bytes())));
        REQUIRE(in.records().size() == count);
        in.check_all();
        bool all = true;
        for (std::size_t i = 0; i < count; i += 997) {
            const tarc::record* r = in.find("data/" + std::to_string(i));
            all = all && r && text_of(in.read(*r)) == std::to_string(i);
        }
        CHECK(all);
        CHECK(in.find("data/" + std::to_string(count)) == nullptr);
        const auto entries = tarc::detail::zip::load<std::uint16_t>(out.bytes().data() + out.bytes().size() - 12);
        CHECK(entries == std::min<std::size_t>(count, 65535));
    }
}
