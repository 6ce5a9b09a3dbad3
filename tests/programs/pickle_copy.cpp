// pickle_copy IN OUT [IN OUT]...: reads each IN and writes its value again as OUT. One line for each: "ok" and the keys
// that the storages had in IN, in their new order; or "error" and the message.

#include <tarc/container/pickle_reader.hpp>
#include <tarc/container/pickle_writer.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        std::ifstream file(argv[i], std::ios::binary);
        const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
        tarc::detail::tree t;
        try {
            const auto* root = tarc::detail::read_pickle(std::as_bytes(std::span(bytes)), t, tarc::limits{});
            const auto made = tarc::detail::write_pickle(*root, tarc::limits{});
            std::ofstream(argv[i + 1], std::ios::binary)
                .write(reinterpret_cast<const char*>(made.bytes.data()),
                       static_cast<std::streamsize>(made.bytes.size()));
            std::string line = "ok";
            for (const auto* s : made.storages) line.append(" ").append(s->key);
            std::printf("%s\n", line.c_str());
        } catch (const tarc::error& e) {
            std::printf("error %s\n", e.what());
        }
    }
}
