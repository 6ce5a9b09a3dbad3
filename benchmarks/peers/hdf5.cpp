#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "peer.hpp"

namespace bench {
namespace {

/// An identifier of HDF5's, closed at the end.
class handle {
public:
    handle(hid_t id, herr_t (*close)(hid_t), const char* what) : id_(id), close_(close) {
        if (id < 0) throw std::runtime_error(std::string("HDF5 failed: ") + what);
    }
    handle(const handle&) = delete;
    handle& operator=(const handle&) = delete;
    ~handle() { close_(id_); }
    operator hid_t() const { return id_; }

private:
    hid_t id_;
    herr_t (*close_)(hid_t);
};

void check(herr_t result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string("HDF5 failed: ") + what);
}

/// bfloat16 has no type in HDF5; its bits go in as integers.
hid_t type_of(std::size_t bytes, bool floating) {
    switch (bytes) {
        case 1: return H5T_NATIVE_UINT8;
        case 2: return H5T_NATIVE_UINT16;
        case 4: return floating ? H5T_NATIVE_FLOAT : H5T_NATIVE_UINT32;
        default: return floating ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
    }
}

struct block {
    std::string name;
    std::unique_ptr<std::byte[]> data;
    std::size_t bytes = 0;
};

/// The newest layout of files, which is the one that holds many datasets well.
hid_t access() {
    const hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    check(H5Pset_libver_bounds(list, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST), "H5Pset_libver_bounds");
    return list;
}

void write(const std::string& path, const std::vector<named_tensor>& tensors) {
    const handle list(access(), H5Pclose, "H5Pcreate");
    const handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, list), H5Fclose, "H5Fcreate");
    for (const named_tensor& t : tensors) {
        const std::vector<hsize_t> shape(t.tensor.shape().begin(), t.tensor.shape().end());
        const handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose,
                           "H5Screate_simple");
        const hid_t type = type_of(tarc::size_of(t.tensor.dtype()), t.tensor.dtype() == tarc::dtype::float32 ||
                                                                        t.tensor.dtype() == tarc::dtype::float64);
        const handle set(H5Dcreate2(file, t.name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
                         "H5Dcreate2");
        check(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, t.tensor.raw_data()), "H5Dwrite");
    }
}

std::vector<block> read(const std::string& path) {
    const handle list(access(), H5Pclose, "H5Pcreate");
    const handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, list), H5Fclose, "H5Fopen");
    std::vector<block> found;
    const auto name = [](hid_t, const char* link, const H5L_info_t*, void* to) {
        static_cast<std::vector<block>*>(to)->push_back({link, nullptr, 0});
        return herr_t{0};
    };
    check(H5Literate(file, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, name, &found), "H5Literate");
    for (block& b : found) {
        const handle set(H5Dopen2(file, b.name.c_str(), H5P_DEFAULT), H5Dclose, "H5Dopen2");
        const handle type(H5Dget_type(set), H5Tclose, "H5Dget_type");
        const handle space(H5Dget_space(set), H5Sclose, "H5Dget_space");
        b.bytes = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)) * H5Tget_size(type);
        b.data.reset(new std::byte[b.bytes]);
        check(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, b.data.get()), "H5Dread");
    }
    return found;
}

}  // namespace

peer hdf5_peer() {
    struct state {
        std::vector<named_tensor> held = {};
        std::vector<block> loaded = {};
    };
    const auto s = std::make_shared<state>();
    peer p;
    p.hold = [s](const std::string& path) { s->held = tensors_of(path); };
    p.operations["save"].run = [s](const std::string& path) { write(path, s->held); };
    operation& load = p.operations["load"];
    load.run = [s](const std::string& path) { s->loaded = read(path); };
    load.finish = [s] {
        std::uint64_t total = 0;
        for (const block& b : s->loaded) total += sum(b.data.get(), b.bytes);
        s->loaded.clear();
        return total;
    };
    return p;
}

}  // namespace bench
