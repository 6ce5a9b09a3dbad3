#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tarc/tensor/dtype.hpp>
#include <tarc/value/node.hpp>
#include <tarc/value/walk.hpp>

/// The classes and functions that a pickle names and tarc understands as data. None of them is ever called.
namespace tarc::detail {

enum class known : std::uint8_t {
    nothing,
    // classes
    ordered_dict,
    counter,
    default_dict,
    set,
    frozenset,
    list,
    tuple,
    dict,
    complex,
    bytearray,
    bytes,
    object,
    size,
    tensor,
    parameter,
    variable,
    device,
    dtype_of_numpy,
    array_of_numpy,
    // functions
    encode,
    reconstruct_object,
    new_object,
    layout,
    rebuild_tensor,
    rebuild_tensor_v2,
    rebuild_tensor_v3,
    rebuild_parameter,
    rebuild_parameter_with_state,
    rebuild_from_type,
    rebuild_from_type_v2,
    rebuild_meta,
    rebuild_from_cpu,
    rebuild_sparse,
    rebuild_qtensor,
    rebuild_nested,
    numpy_scalar,
    numpy_reconstruct,
    numpy_from_buffer,
    jit_list,
    jit_tag,
};

[[nodiscard]] inline constexpr bool is_class(known k) { return k > known::nothing && k < known::encode; }

/// Which one a name is, or known::nothing. Names are compared byte for byte. Python 2's module names count as Python
/// 3's.
[[nodiscard]] inline known lookup(const global_body& g) {
    struct row {
        std::string_view module, name;
        known is;
    };
    static constexpr row table[] = {
        {"torch._utils", "_rebuild_tensor_v2", known::rebuild_tensor_v2},
        {"collections", "OrderedDict", known::ordered_dict},
        {"torch._utils", "_rebuild_parameter", known::rebuild_parameter},
        {"torch._utils", "_rebuild_tensor_v3", known::rebuild_tensor_v3},
        {"torch._utils", "_rebuild_tensor", known::rebuild_tensor},
        {"torch._utils", "_rebuild_parameter_with_state", known::rebuild_parameter_with_state},
        {"torch._utils", "_rebuild_meta_tensor_no_storage", known::rebuild_meta},
        {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor", known::rebuild_from_cpu},
        {"torch._utils", "_rebuild_sparse_tensor", known::rebuild_sparse},
        {"torch._utils", "_rebuild_qtensor", known::rebuild_qtensor},
        {"torch._utils", "_rebuild_nested_tensor", known::rebuild_nested},
        {"torch._tensor", "_rebuild_from_type_v2", known::rebuild_from_type_v2},
        {"torch._tensor", "_rebuild_from_type", known::rebuild_from_type},
        {"torch.tensor", "_rebuild_from_type", known::rebuild_from_type},
        {"torch", "Size", known::size},
        {"torch", "Tensor", known::tensor},
        {"torch", "device", known::device},
        {"torch.nn.parameter", "Parameter", known::parameter},
        {"torch.autograd.variable", "Variable", known::variable},
        {"torch.serialization", "_get_layout", known::layout},
        {"_codecs", "encode", known::encode},
        {"collections", "Counter", known::counter},
        {"collections", "defaultdict", known::default_dict},
        {"copyreg", "_reconstructor", known::reconstruct_object},
        {"copy_reg", "_reconstructor", known::reconstruct_object},
        {"copyreg", "__newobj__", known::new_object},
        {"copy_reg", "__newobj__", known::new_object},
        {"numpy", "dtype", known::dtype_of_numpy},
        {"numpy", "ndarray", known::array_of_numpy},
        {"numpy.core.multiarray", "scalar", known::numpy_scalar},
        {"numpy._core.multiarray", "scalar", known::numpy_scalar},
        {"numpy.core.multiarray", "_reconstruct", known::numpy_reconstruct},
        {"numpy._core.multiarray", "_reconstruct", known::numpy_reconstruct},
        {"numpy.core.numeric", "_frombuffer", known::numpy_from_buffer},
        {"numpy._core.numeric", "_frombuffer", known::numpy_from_buffer},
        {"torch.jit._pickle", "build_intlist", known::jit_list},
        {"torch.jit._pickle", "build_doublelist", known::jit_list},
        {"torch.jit._pickle", "build_boollist", known::jit_list},
        {"torch.jit._pickle", "build_tensorlist", known::jit_list},
        {"torch.jit._pickle", "restore_type_tag", known::jit_tag},
    };
    static constexpr row builtins[] = {
        {"", "set", known::set},   {"", "frozenset", known::frozenset}, {"", "complex", known::complex},
        {"", "dict", known::dict}, {"", "bytearray", known::bytearray}, {"", "bytes", known::bytes},
        {"", "list", known::list}, {"", "tuple", known::tuple},         {"", "object", known::object},
    };
    if (g.module == "__builtin__" || g.module == "builtins") {
        for (const row& r : builtins)
            if (r.name == g.name) return r.is;
        return known::nothing;
    }
    for (const row& r : table)
        if (r.name == g.name && r.module == g.module) return r.is;
    return known::nothing;
}

[[nodiscard]] inline known lookup(const node* n) {
    return n != nullptr && n->kind == value_kind::global ? lookup(*n->global) : known::nothing;
}

/// "module.name" of a class, or of an object's class.
[[nodiscard]] inline std::string class_text(const node& n) {
    const node* cls = n.kind == value_kind::object ? n.object->cls : &n;
    if (cls == nullptr || cls->kind != value_kind::global) return "an object";
    return std::string(cls->global->module) + "." + std::string(cls->global->name);
}

/// A tensor that stays an object: sparse, quantized or nested.
[[nodiscard]] inline bool is_structured_tensor(const node& n) {
    const known k = n.kind == value_kind::object ? lookup(n.object->cls) : known::nothing;
    return k == known::rebuild_sparse || k == known::rebuild_qtensor || k == known::rebuild_nested;
}

/// The dtype that a global such as torch.float16 is.
[[nodiscard]] inline std::optional<dtype> dtype_of_global(const node& n) {
    if (n.kind != value_kind::global || n.global->module != "torch") return std::nullopt;
    return parse_dtype(n.global->name);
}

/// Names in the module torch that are plain constants: dtypes (also those without tensors here, as torch.int4),
/// qschemes and memory formats.
enum class torch_constant : std::uint8_t { no, dtype, qscheme, memory_format };

[[nodiscard]] inline torch_constant constant_of(const global_body& g) {
    std::string_view name = g.name;
    if (g.module == "torch._utils" && name.starts_with("torch."))  // memory formats at pickle protocol 4
        name.remove_prefix(6);
    else if (g.module != "torch")
        return torch_constant::no;
    if (parse_dtype(name)) return torch_constant::dtype;
    std::string_view bits = name;
    if (bits.starts_with("u")) bits.remove_prefix(1);
    if (bits.size() == 4 && bits.starts_with("int") && bits[3] >= '1' && bits[3] <= '7') return torch_constant::dtype;
    for (const std::string_view q : {"per_tensor_affine", "per_tensor_symmetric", "per_channel_affine",
                                     "per_channel_symmetric", "per_channel_affine_float_qparams"})
        if (name == q) return torch_constant::qscheme;
    for (const std::string_view f : {"contiguous_format", "preserve_format", "channels_last", "channels_last_3d"})
        if (name == f) return torch_constant::memory_format;
    return torch_constant::no;
}

/// str() of torch's own small constants, as Python prints them: "torch.float16", "cuda:0", "torch.strided",
/// "torch.channels_last", "torch.per_tensor_affine"; nothing for any other node.
[[nodiscard]] inline std::optional<std::string> text_of(const node& n) {
    if (n.kind == value_kind::global) {
        if (constant_of(*n.global) == torch_constant::no) return std::nullopt;
        const std::string_view name = n.global->name;
        return name.starts_with("torch.") ? std::string(name) : "torch." + std::string(name);
    }
    if (n.kind != value_kind::object || n.object->state != nullptr || n.object->args == nullptr ||
        n.object->args->kind != value_kind::tuple)
        return std::nullopt;
    const known cls = lookup(n.object->cls);
    const list_body& args = *n.object->args->list;
    if ((cls != known::device && cls != known::layout) || args.size == 0 || args[0]->kind != value_kind::string)
        return std::nullopt;
    std::string text(args[0]->str());
    if (args.size == 1) return text;
    if (cls != known::device || args.size != 2 || args[1]->kind != value_kind::integer || args[1]->big)
        return std::nullopt;
    return text + ":" + std::to_string(args[1]->integer);
}

/// What an object is written as: what it stands for, where that is all there is to it but the attributes of a list or
/// dict. Null for any other node.
[[nodiscard]] inline const node* writable_stand_in(const node& n) {
    const node* s = stand_in_of(n);
    if (s == nullptr) return nullptr;
    const node* args = n.object->args;
    return args != nullptr && (args->kind != value_kind::tuple || args->list->size != 0) ? nullptr : s;
}

}  // namespace tarc::detail
