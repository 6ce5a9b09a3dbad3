#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <string>
#include <string_view>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/container/pickle_text.hpp>
#include <tarc/error.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/tensor/storage.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// NumPy's scalars as plain scalars, its arrays as tensors on "cpu". What is not here stays opaque: strings and objects
/// in arrays, foreign byte order, records. (numpy/_core/src/multiarray: array_reduce, arraydescr_reduce,
/// gentype_reduce.)
class pickle_numpy {
public:
    explicit pickle_numpy(pickle_context& context) : c_(context) {}

    /// Null where the call stays opaque.
    node* make(known function, const list_body& args) {
        if (function == known::numpy_scalar && args.size == 2) return scalar(*args[0], *args[1]);
        if (function == known::numpy_from_buffer && args.size == 4) {  // (bytes, dtype, shape, order)
            const bool fortran = args[3]->kind == value_kind::string && args[3]->str() == "F";
            return array(*args[1], *args[2], fortran, *args[0]);
        }
        return nullptr;
    }

    /// BUILD on the object that _reconstruct made: turns it into a tensor where it can. State: (version, shape, dtype,
    /// is_fortran, bytes).
    bool build(node& object, const node& state) {
        if (lookup(object.object->cls) != known::numpy_reconstruct || object.object->args == nullptr ||
            object.object->args->kind != value_kind::tuple || object.object->args->list->size == 0 ||
            lookup((*object.object->args->list)[0]) != known::array_of_numpy)
            return false;
        if (state.kind != value_kind::tuple || state.list->size != 5) return false;
        const list_body& s = *state.list;
        const node* made = array(*s[2], *s[1], s[3]->kind == value_kind::boolean && s[3]->boolean, *s[4]);
        if (made == nullptr) return false;
        object.kind = value_kind::tensor;
        object.tensor = made->tensor;
        return true;
    }

private:
    // The dtype's name such as "f8", where its bytes are in this machine's order.
    std::optional<std::string_view> name_of(const node& n) {
        if (n.kind != value_kind::object || lookup(n.object->cls) != known::dtype_of_numpy ||
            n.object->args == nullptr || n.object->args->kind != value_kind::tuple || n.object->args->list->size == 0)
            return std::nullopt;
        const node& name = *(*n.object->args->list)[0];
        if (name.kind != value_kind::string || name.size < 2) return std::nullopt;
        if (const node* s = n.object->state; s != nullptr) {  // (version, byte order, …)
            if (s->kind != value_kind::tuple || s->list->size < 2) return std::nullopt;
            const node& order = *(*s->list)[1];
            if (order.kind != value_kind::string || (order.str() != "<" && order.str() != "|" && order.str() != "="))
                return std::nullopt;
        }
        return name.str();
    }

    static std::optional<dtype> dtype_named(std::string_view name) {
        struct row {
            std::string_view name;
            dtype type;
        };
        static constexpr row table[] = {{"f8", dtype::float64},   {"f4", dtype::float32},    {"f2", dtype::float16},
                                        {"i8", dtype::int64},     {"i4", dtype::int32},      {"i2", dtype::int16},
                                        {"i1", dtype::int8},      {"u1", dtype::uint8},      {"u2", dtype::uint16},
                                        {"u4", dtype::uint32},    {"u8", dtype::uint64},     {"b1", dtype::boolean},
                                        {"c8", dtype::complex64}, {"c16", dtype::complex128}};
        for (const row& r : table)
            if (r.name == name) return r.type;
        return std::nullopt;
    }

    // Python 2 has its bytes in str, which reads as text where it is UTF-8.
    static std::optional<std::string_view> raw_bytes(const node& n) {
        if (n.kind != value_kind::bytes && n.kind != value_kind::string) return std::nullopt;
        return n.str();
    }

    template <class T>
    static T load(std::string_view bytes, std::size_t i = 0) {
        T value{};
        std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
        return value;
    }

    node* scalar(const node& type, const node& data) {
        const auto name = name_of(type);
        const auto raw = raw_bytes(data);
        if (!name || !raw) return nullptr;
        if ((*name)[0] == 'U') return text(*raw);
        if ((*name)[0] == 'S') return c_.into.bytes(raw->substr(0, raw->find_last_not_of('\0') + 1));
        const auto t = dtype_named(*name);
        if (!t) return nullptr;
        if (raw->size() != size_of(*t)) c_.fail("a NumPy scalar has the wrong number of bytes");
        switch (*t) {
            case dtype::float64: return c_.into.real(load<double>(*raw));
            case dtype::float32: return c_.into.real(static_cast<double>(load<float>(*raw)));
            case dtype::float16:
                return c_.into.real(static_cast<double>(float(float16::from_bits(load<std::uint16_t>(*raw)))));
            case dtype::int64: return c_.into.integer(load<std::int64_t>(*raw));
            case dtype::int32: return c_.into.integer(load<std::int32_t>(*raw));
            case dtype::int16: return c_.into.integer(load<std::int16_t>(*raw));
            case dtype::int8: return c_.into.integer(load<std::int8_t>(*raw));
            case dtype::uint8: return c_.into.integer(load<std::uint8_t>(*raw));
            case dtype::uint16: return c_.into.integer(load<std::uint16_t>(*raw));
            case dtype::uint32: return c_.into.integer(load<std::uint32_t>(*raw));
            case dtype::uint64: return c_.into.unsigned_integer(load<std::uint64_t>(*raw));
            case dtype::boolean: return c_.into.boolean(load<std::uint8_t>(*raw) != 0);
            case dtype::complex64:
                return c_.into.complex(static_cast<double>(load<float>(*raw)),
                                       static_cast<double>(load<float>(*raw, 1)));
            case dtype::complex128: return c_.into.complex(load<double>(*raw), load<double>(*raw, 1));
            default: return nullptr;
        }
    }

    // numpy.str_: UTF-32 with zeros at the end.
    node* text(std::string_view raw) {
        if (raw.size() % 4 != 0) c_.fail("a NumPy string has the wrong number of bytes");
        c_.charge(raw.size());
        while (!raw.empty() && load<std::uint32_t>(raw, raw.size() / 4 - 1) == 0) raw.remove_suffix(4);
        std::string out;
        for (std::size_t i = 0; i < raw.size() / 4; ++i) {
            const auto c = load<std::uint32_t>(raw, i);
            if (c > 0x10ffff) c_.fail("a NumPy string has a character above U+10FFFF");
            append_utf8(out, c);
        }
        return c_.into.string(out);
    }

    node* array(const node& type, const node& shape_node, bool fortran, const node& data) {
        const auto name = name_of(type);
        if (!name) return nullptr;
        const auto raw = raw_bytes(data);
        if (!raw || shape_node.kind != value_kind::tuple) return nullptr;
        const auto known = dtype_named(*name);
        if (!known) return nullptr;
        const dtype t = *known;
        if (shape_node.list->size > c_.limit.rank)
            c_.fail("a NumPy array has more dimensions than limits::rank", errc::limit_exceeded);
        vec<std::int64_t> shape;
        for (const node* n : *shape_node.list) {
            if (n->kind != value_kind::integer || n->big) c_.fail("a size of a NumPy array is not an integer");
            shape.push_back(n->integer);
        }
        const auto elements = static_cast<std::uint64_t>(count_elements(shape));
        if (raw->size() % size_of(t) != 0 || raw->size() / size_of(t) != elements)
            c_.fail("a NumPy array of shape " + shape_text(shape) + " has " + std::to_string(raw->size()) + " bytes",
                    errc::bad_tensor);
        vec<std::int64_t> strides(shape.size());
        std::int64_t step = 1;
        for (std::size_t i = 0; i < shape.size(); ++i) {
            const std::size_t at = fortran ? i : shape.size() - 1 - i;
            strides[at] = step;
            if (__builtin_mul_overflow(step, shape[at] > 1 ? shape[at] : 1, &step)) step = 0;  // an empty array
        }
        c_.charge(raw->size());
        const tarc::storage memory = tarc::storage::allocate(raw->size());
        if (!raw->empty()) std::memcpy(memory.data(), raw->data(), raw->size());
        storage_body& body = c_.into.add_storage({}, "cpu", raw->size());
        body.type = facts(t).storage.empty() ? std::nullopt : std::optional(t);
        body.live = memory;
        tensor_body made{};
        made.type = t;
        made.storage = &body;
        made.shape = shape;
        made.strides = strides;
        return c_.into.tensor(made);
    }

    pickle_context& c_;
};

}  // namespace tarc::detail
