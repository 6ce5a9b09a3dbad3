#pragma once

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

/// A file of JSON lines, one object each, for the picture. Texts are the program's own and need no escapes.
class json_lines {
public:
    /// One object; it is written when it goes out of scope.
    class object {
    public:
        explicit object(std::ofstream& out) : out_(out) {}
        object(const object&) = delete;
        object& operator=(const object&) = delete;
        ~object() { out_ << "{" << text_ << "}\n"; }

        object& add(std::string_view key, std::string_view text) { return put(key, '"' + std::string(text) + '"'); }
        object& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
        object& add(std::string_view key, std::int64_t n) { return put(key, number(n)); }
        object& add(std::string_view key, double v) { return put(key, number(v)); }
        template <class T>
        object& add(std::string_view key, const std::vector<T>& list) {
            std::string text;
            for (const T v : list) text += (text.empty() ? "" : ", ") + number(v);
            return put(key, "[" + text + "]");
        }

    private:
        static std::string number(std::int64_t n) { return std::to_string(n); }
        static std::string number(double v) {
            char text[64];
            std::snprintf(text, sizeof text, "%.17g", v);
            return text;
        }
        object& put(std::string_view key, const std::string& value) {
            if (!text_.empty()) text_ += ", ";
            text_.append("\"").append(key).append("\": ").append(value);
            return *this;
        }

        std::ofstream& out_;
        std::string text_;
    };

    explicit json_lines(const std::string& path) : out_(path), path_(path) {
        if (!out_) throw std::runtime_error("cannot write " + path);
    }
    [[nodiscard]] object line() { return object(out_); }
    void close() {
        out_.close();
        if (!out_) throw std::runtime_error("cannot write " + path_);
    }

private:
    std::ofstream out_;
    std::string path_;
};

}  // namespace demo
