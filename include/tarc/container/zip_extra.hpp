#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tarc/container/zip_layout.hpp>

/// The extra block of a header, and the 64-bit values in it.
namespace tarc::detail::zip {

/// The fields of a ZIP64 extra field, taken in their order by those that need them.
class zip64_values {
public:
    explicit zip64_values(std::span<const std::byte> field) : left_(field) {}

    [[nodiscard]] bool take(std::uint64_t& value) {
        if (left_.size() < 8) return false;
        value = load<std::uint64_t>(left_.data());
        left_ = left_.subspan(8);
        return true;
    }
    [[nodiscard]] bool empty() const { return left_.empty(); }

private:
    std::span<const std::byte> left_;
};

struct extra_fields {
    std::span<const std::byte> zip64, padding, unicode_name;
    bool has_zip64 = false, has_padding = false, has_unicode_name = false, has_others = false;
};

/// Null, or what is wrong with the form of an extra block.
inline const char* split_extra(std::span<const std::byte> extra, extra_fields& out) {
    constexpr std::uint16_t unicode_name_field = 0x7075;
    while (!extra.empty()) {
        if (extra.size() < 4) return "the extra field ends in the middle of a header";
        const auto id = load<std::uint16_t>(extra.data());
        const std::size_t bytes = load<std::uint16_t>(extra.data() + 2);
        if (bytes > extra.size() - 4) return "the extra field is longer than its block";
        const auto content = extra.subspan(4, bytes);
        extra = extra.subspan(4 + bytes);
        const auto keep = [&](bool& seen, std::span<const std::byte>& where) {
            if (seen) return false;
            seen = true;
            where = content;
            return true;
        };
        out.has_others |= id != zip64_field && id != padding_field;
        if ((id == zip64_field && !keep(out.has_zip64, out.zip64)) ||
            (id == padding_field && !keep(out.has_padding, out.padding)) ||
            (id == unicode_name_field && !keep(out.has_unicode_name, out.unicode_name)))
            return "an extra field is there twice";
    }
    return nullptr;
}

}  // namespace tarc::detail::zip
