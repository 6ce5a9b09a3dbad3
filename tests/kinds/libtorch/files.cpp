// Files as programs in C++ write them with libtorch: files FOLDER. tests/kinds/test_libtorch.py compiles this.

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torch/utils.h>

#include <fstream>
#include <string>
#include <vector>

namespace nn = torch::nn;

struct block_impl : nn::Module {
    block_impl(int in, int out)
        : conv(register_module("conv", nn::Conv2d(nn::Conv2dOptions(in, out, 3)))),
          norm(register_module("norm", nn::BatchNorm2d(out))),
          scale(register_parameter("scale", torch::full({1}, 0.5))) {
        register_parameter("frozen", torch::ones({2}), false);
        register_parameter("none", torch::Tensor(), false);
        register_buffer("grid", torch::arange(6, torch::kInt32).view({2, 3}).t());
    }
    nn::Conv2d conv;
    nn::BatchNorm2d norm;
    torch::Tensor scale;
};
TORCH_MODULE_IMPL(block, block_impl);

struct net : nn::Module {
    net() {
        register_module("stem", block(1, 2));
        auto layers = register_module("layers", nn::ModuleList());
        layers->push_back(block(2, 3));
        layers->push_back(nn::Linear(3, 4));
        register_module("head", nn::Sequential(nn::Linear(4, 5), nn::Linear(nn::LinearOptions(5, 2).bias(false))));
        register_module("rnn", nn::LSTM(nn::LSTMOptions(2, 3)));
    }
};

template <class... A>
void pickle(const std::string& file, const c10::IValue& value) {
    const std::vector<char> bytes = torch::pickle_save(value);
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

template <class Optimizer, class Options>
void train(const std::string& file, Options options) {
    nn::Linear model(3, 2);
    Optimizer optimizer(model->parameters(), options);
    for (int i = 0; i < 2; ++i) {
        optimizer.zero_grad();
        model->forward(torch::ones({1, 3})).sum().backward();
        optimizer.step();
    }
    torch::save(optimizer, file);
}

int main(int, char** argv) {
    const std::string to = std::string(argv[1]) + "/";
    torch::manual_seed(3);
    auto model = std::make_shared<net>();
    torch::save(model, to + "module.pt");
    const torch::Tensor t = torch::arange(12, torch::kFloat).view({3, 4});
    torch::save(t, to + "tensor.pt");
    torch::save(std::vector<torch::Tensor>{t, t.t(), torch::ones({2}, torch::kHalf), torch::zeros({0})},
                to + "tensors.pt");
    train<torch::optim::SGD>(to + "sgd.pt", torch::optim::SGDOptions(0.1).momentum(0.9));
    train<torch::optim::Adam>(to + "adam.pt", torch::optim::AdamOptions(0.01).amsgrad(true));

    torch::serialize::OutputArchive archive, inner;
    archive.write("epoch", c10::IValue(7));
    archive.write("loss", torch::full({}, 0.25));
    inner.write("w", t);
    inner.write("mask", torch::ones({2}, torch::kBool), /*is_buffer=*/true);
    archive.write("inner", inner);
    archive.save_to(to + "archive.pt");

    pickle(to + "p_tensor.pt", t.t());
    c10::Dict<std::string, torch::Tensor> dict;
    dict.insert("a", t);
    dict.insert("b.c", t.slice(1, 1, 3));
    pickle(to + "p_dict.pt", dict);
    pickle(to + "p_list.pt", c10::List<torch::Tensor>({t, torch::ones({2}, torch::kByte)}));
    c10::impl::GenericDict any(c10::StringType::get(), c10::AnyType::get());
    any.insert("int", 3);
    any.insert("big", std::int64_t{1} << 40);
    any.insert("float", 0.1);
    any.insert("bool", true);
    any.insert("none", c10::IValue());
    any.insert("text", std::string("h\xc3\xa9"));
    any.insert("tuple", c10::ivalue::Tuple::create({c10::IValue(1), c10::IValue(t), c10::IValue("x")}));
    any.insert("ints", c10::List<std::int64_t>({1, 2, 3}));
    any.insert("floats", c10::List<double>({0.5, -1.0}));
    any.insert("bools", c10::List<bool>({true, false}));
    any.insert("texts", c10::List<std::string>({"a", "b"}));
    any.insert("complex", c10::complex<double>(1, -2));
    any.insert("device", c10::Device("cpu"));
    any.insert("tensor", t);
    any.insert("conj", torch::ones({2}, torch::kComplexFloat).conj());
    c10::impl::GenericDict numbers(c10::IntType::get(), c10::FloatType::get());
    numbers.insert(1, 2.5);
    any.insert("numbers", numbers);
    any.insert("dict", dict);
    pickle(to + "p_any.pt", any);
    c10::impl::GenericDict types(c10::StringType::get(), c10::TensorType::get());
    for (const auto type : {torch::kFloat,
                            torch::kDouble,
                            torch::kHalf,
                            torch::kBFloat16,
                            torch::kByte,
                            torch::kChar,
                            torch::kShort,
                            torch::kInt,
                            torch::kLong,
                            torch::kBool,
                            torch::kComplexFloat,
                            torch::kComplexDouble,
                            torch::kUInt16,
                            torch::kUInt32,
                            torch::kUInt64,
                            torch::kFloat8_e4m3fn,
                            torch::kFloat8_e5m2,
                            torch::kFloat8_e4m3fnuz,
                            torch::kFloat8_e5m2fnuz,
                            torch::kFloat8_e8m0fnu,
                            torch::kComplexHalf})
        types.insert(c10::toString(type), torch::arange(5, torch::kInt).to(torch::kFloat).to(type));
    pickle(to + "p_types.pt", types);
}
