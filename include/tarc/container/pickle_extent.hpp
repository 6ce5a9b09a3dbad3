#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <tarc/container/pickle_opcodes.hpp>
#include <tarc/container/pickle_reader.hpp>
#include <tarc/error.hpp>
#include <tarc/io/source_window.hpp>
#include <tarc/limits.hpp>
#include <tarc/value/tree.hpp>

/// Pickles that follow each other in a file, whose lengths nothing announces.
namespace tarc::detail {

/// Goes behind the pickle at the window's position, by the form that each instruction's argument has (CPython
/// Lib/pickletools.py), and returns its length. Nothing else of it is checked. Errors: errc::truncated,
/// errc::bad_pickle, errc::limit_exceeded.
inline std::uint64_t skip_pickle(source_window& in, const limits& limit) {
    const std::uint64_t begin = in.position();
    for (;;) {
        if (in.position() - begin > limit.pickle_bytes)
            in.fail(errc::limit_exceeded, "the pickle has more than " + std::to_string(limit.pickle_bytes) +
                                              " bytes (tarc::limits::pickle_bytes)");
        const auto op = static_cast<opcode>(in.number<std::uint8_t>());
        switch (op) {
            case opcode::stop: return in.position() - begin;

            case opcode::mark:
            case opcode::pop:
            case opcode::pop_mark:
            case opcode::dup:
            case opcode::none:
            case opcode::binpersid:
            case opcode::reduce:
            case opcode::append:
            case opcode::build:
            case opcode::dict:
            case opcode::empty_dict:
            case opcode::appends:
            case opcode::list:
            case opcode::empty_list:
            case opcode::obj:
            case opcode::setitem:
            case opcode::tuple:
            case opcode::empty_tuple:
            case opcode::setitems:
            case opcode::newobj:
            case opcode::tuple1:
            case opcode::tuple2:
            case opcode::tuple3:
            case opcode::newtrue:
            case opcode::newfalse:
            case opcode::empty_set:
            case opcode::additems:
            case opcode::frozenset:
            case opcode::newobj_ex:
            case opcode::stack_global:
            case opcode::memoize:
            case opcode::next_buffer:
            case opcode::readonly_buffer: break;

            case opcode::binint1:
            case opcode::binput:
            case opcode::binget:
            case opcode::proto:
            case opcode::ext1: in.skip(1); break;
            case opcode::binint2:
            case opcode::ext2: in.skip(2); break;
            case opcode::binint:
            case opcode::long_binput:
            case opcode::long_binget:
            case opcode::ext4: in.skip(4); break;
            case opcode::binfloat:
            case opcode::frame: in.skip(8); break;  // a frame holds instructions like those outside

            case opcode::long1:
            case opcode::short_binunicode:
            case opcode::short_binstring:
            case opcode::short_binbytes: in.skip(in.number<std::uint8_t>()); break;
            case opcode::long4:
            case opcode::binstring:
            case opcode::binunicode:
            case opcode::binbytes: in.skip(in.number<std::uint32_t>()); break;
            case opcode::binunicode8:
            case opcode::binbytes8:
            case opcode::bytearray8: in.skip(in.number<std::uint64_t>()); break;

            case opcode::int_text:
            case opcode::long_text:
            case opcode::float_text:
            case opcode::string_text:
            case opcode::unicode_text:
            case opcode::persid:
            case opcode::get:
            case opcode::put: in.skip_line(); break;
            case opcode::global:
            case opcode::inst:
                in.skip_line();
                in.skip_line();
                break;

            default:
                raise_at(errc::bad_pickle,
                         "byte " + std::to_string(static_cast<unsigned>(op)) +
                             " is no pickle instruction: this is not a pickle, or it is damaged",
                         in.name(), in.position() - 1);
        }
    }
}

/// Reads the pickle at the window's position and goes behind it. Errors: those of skip_pickle() and read_pickle().
[[nodiscard]] inline node* read_next_pickle(source_window& in, tree& into, const limits& limit, pickle_site site = {}) {
    site.record = in.name();
    site.begin = in.position();
    const std::uint64_t size = skip_pickle(in, limit);
    return read_pickle(in.bytes(site.begin, size), into, limit, site);
}

}  // namespace tarc::detail
