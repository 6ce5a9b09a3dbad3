// Training that does not wait for its checkpoints. A save returns as soon as the tensors are copied, which takes as
// long as a memcpy; a thread of the saver writes the file, makes it durable and renames it, while the next epoch goes
// on.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <tarc/archive/save_async.hpp>
#include <tarc/tarc.hpp>

struct line {
    tarc::tensor<float, tarc::scalar> slope, offset;
};
struct checkpoint {
    std::int64_t epoch = 0;
    line model_state_dict;
    std::vector<double> losses;
};

/// Some steps of gradient descent towards y = 2x + 1; the loss before the last one.
double train(line& model) {
    float &a = model.slope(), &b = model.offset();
    double loss = 0;
    for (int step = 0; step < 20; ++step) {
        float da = 0, db = 0;
        loss = 0;
        for (const float x : {-1.f, -0.5f, 0.f, 0.5f, 1.f}) {
            const float error = a * x + b - (2 * x + 1);
            loss += error * error / 5;
            da += 2 * error * x / 5;
            db += 2 * error / 5;
        }
        a -= 0.05f * da;
        b -= 0.05f * db;
    }
    return loss;
}

int main() {
    using number = tarc::tensor<float, tarc::scalar>;
    checkpoint c{0, {number::full({}, 0.f), number::full({}, 0.f)}, {}};
    float third = 0;
    try {
        tarc::async_saver saver;  // has the thread, and the memory of the copies, which is used again and again
        for (c.epoch = 1; c.epoch <= 5; ++c.epoch) {
            c.losses.push_back(train(c.model_state_dict));
            if (c.epoch == 3) third = c.model_state_dict.slope();
            // Nobody waits for this one: should it fail, the next save throws its error, or wait() does.
            saver.save(c, "epoch" + std::to_string(c.epoch) + ".pt").detach();
        }
        tarc::pending_save last = saver.save(c.model_state_dict, "model.safetensors");
        std::printf("loss %.2g, saving\n", c.losses.back());
        last.get();    // until this one is durable
        saver.wait();  // and all before it

        const checkpoint d = tarc::load<checkpoint>("epoch3.pt", "cpu");
        std::printf("epoch %d: slope %.4f, offset %.4f\n", static_cast<int>(d.epoch),
                    double(d.model_state_dict.slope()), double(d.model_state_dict.offset()));
        return d.epoch == 3 && d.losses.size() == 3 && d.model_state_dict.slope() == third ? 0 : 1;
    } catch (const tarc::error& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
