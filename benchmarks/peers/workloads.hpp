#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

/// The workloads as a program that uses tarc would write them. workloads.py makes the files.
namespace bench {

template <class T>
struct linear {
    tarc::tensor<T> weight, bias;
};
template <class T>
struct weight {
    tarc::tensor<T> weight;
};

/// PyTorch's tutorial "Saving and loading a general checkpoint".
struct cifar_net {
    linear<float> conv1, conv2, fc1, fc2, fc3;
};
struct cifar_checkpoint {
    std::int64_t epoch = 0;
    cifar_net model_state_dict;
    tarc::optim::sgd optimizer_state_dict;
    double loss = 0;
};

/// TinyLlama-1.1B.
struct llama_attention {
    weight<tarc::bfloat16> q_proj, k_proj, v_proj, o_proj;
};
struct llama_mlp {
    weight<tarc::bfloat16> gate_proj, up_proj, down_proj;
};
struct llama_layer {
    llama_attention self_attn;
    llama_mlp mlp;
    weight<tarc::bfloat16> input_layernorm, post_attention_layernorm;
};
struct llama_model {
    weight<tarc::bfloat16> embed_tokens;
    std::vector<llama_layer> layers;
    weight<tarc::bfloat16> norm;
};
struct llama {
    llama_model model;
    weight<tarc::bfloat16> lm_head;
};

/// GPT-2 in training.
struct gpt2_attention {
    linear<float> c_attn, c_proj;
};
struct gpt2_mlp {
    linear<float> c_fc, c_proj;
};
struct gpt2_block {
    linear<float> ln_1;
    gpt2_attention attn;
    linear<float> ln_2;
    gpt2_mlp mlp;
};
struct gpt2 {
    weight<float> wte, wpe;
    std::vector<gpt2_block> h;
    linear<float> ln_f;
};
struct gpt2_checkpoint {
    std::int64_t step = 0;
    gpt2 model;
    tarc::optim::adam optimizer;
};

/// A state_dict whose names are known at run time only.
using state_dict = std::map<std::string, tarc::any_tensor>;

}  // namespace bench
