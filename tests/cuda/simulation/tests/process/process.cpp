// What the simulation does for a program that knows nothing of it: setup by the environment, the report at the end.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cuda_runtime_api.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

#include <doctest/doctest.h>

#include "../child.hpp"
#include "cuda/simulation/control.hpp"

namespace {

std::string self;

void print_setup() {
    int count = 7, pools = 7, peers = 7;
    const cudaError_t answer = cudaGetDeviceCount(&count);
    std::printf("%d: %d devices", static_cast<int>(answer), count);
    if (answer != cudaSuccess) return;
    std::size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, 0);
    cudaDeviceCanAccessPeer(&peers, 0, count - 1);
    std::printf(" of %zu bytes, %d pools, %d peers", total, pools, peers);
}

void leak() {
    void* a = nullptr;
    cudaMalloc(&a, 10);
    std::printf("leaked");  // no newline: what the program printed must come out before the end
}

void fill() {
    void* a = nullptr;
    std::printf("%d", static_cast<int>(cudaMalloc(&a, 10)));
    std::printf(" %d", static_cast<int>(cudaMemset(a, 1, 10)));
    std::printf(" %d", static_cast<int>(cudaDeviceSynchronize()));
    std::printf(" %d", static_cast<int>(cudaFree(a)));
}

struct owner {
    void* held = nullptr;
    ~owner() { cudaFree(held); }
};

void free_at_exit() {
    static owner one;
    cudaMalloc(&one.held, 10);
}

void leave_work() {
    static owner one;
    cudaMalloc(&one.held, 10);
    cudaStream_t stream = nullptr;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    for (int i = 0; i < 100; ++i) cudaMemsetAsync(one.held, i, 10, stream);
    cudaStreamDestroy(stream);
}

void fork_and_exit() {
    void* a = nullptr;
    cudaMalloc(&a, 10);
    cudaMemset(a, 1, 10);
    if (::fork() == 0) std::exit(3);
    int status = 0;
    ::wait(&status);
    std::printf("%d", WEXITSTATUS(status));
    cudaFree(a);
}

void drop_log() {
    const cuda_sim::control* const sim = cuda_sim::find();
    cudaFree(nullptr);
    cudaSetDevice(9);
    std::printf("%s", sim->log());
}

const std::map<std::string, void (*)()> programs{
    {"print_setup", print_setup},
    {"leak", leak},
    {"fill", fill},
    {"free_at_exit", free_at_exit},
    {"leave_work", leave_work},
    {"fork_and_exit", fork_and_exit},
    {"drop_log", drop_log},
};

child run_here(const std::string& name, const settings& more = {}) { return run(self, {"--program", name}, more); }

}  // namespace

TEST_CASE("the environment sets the simulation up") {
    CHECK_EQ(run_here("print_setup").out, "0: 2 devices of 268435456 bytes, 1 pools, 1 peers");
    CHECK_EQ(run_here("print_setup", {{"CUDA_SIM_DEVICES", "3"},
                                      {"CUDA_SIM_MEMORY", "1048576"},
                                      {"CUDA_SIM_POOLS", "0"},
                                      {"CUDA_SIM_PEERS", "0"}})
                 .out,
             "0: 3 devices of 1048576 bytes, 0 pools, 0 peers");
    CHECK_EQ(run_here("print_setup", {{"CUDA_SIM_DRIVER", "0"}}).out, "35: 7 devices");
    CHECK_EQ(run_here("print_setup", {{"CUDA_SIM_DEVICES", "0"}}).out, "100: 7 devices");
}

TEST_CASE("the environment makes calls and work fail") {
    CHECK_EQ(run_here("fill").out, "0 0 0 0");
    CHECK_EQ(run_here("fill", {{"CUDA_SIM_FAIL", "3:2"}}).out, "0 0 2 0");
    const child work = run_here("fill", {{"CUDA_SIM_FAIL_WORK", "1:700"}, {"CUDA_SIM_ORDER", "late"}});
    CHECK_EQ(work.out, "0 0 700 700");
    CHECK(work.exited(0));  // freed as well as it could be
}

TEST_CASE("leaks end the process, unless they may not") {
    const child leaky = run_here("leak");
    CHECK(leaky.exited(86));
    CHECK_EQ(leaky.out, "leaked");
    CHECK_EQ(leaky.err,
             "cuda simulation: 10 bytes of device memory on device 0 were never freed: cudaMalloc (call 1)\n");
    const child quiet = run_here("leak", {{"CUDA_SIM_REPORT", "0"}});
    CHECK(quiet.exited(0));
    CHECK_EQ(quiet.err, "");
}

TEST_CASE("the report comes after static objects, waits for nothing, and not in a fork") {
    for (const char* order : {"prompt", "random", "late", "reversed"}) {
        CAPTURE(order);
        for (const char* program : {"free_at_exit", "leave_work", "fork_and_exit"}) {
            CAPTURE(program);
            const child seen = run_here(program, {{"CUDA_SIM_ORDER", order}});
            CHECK(seen.exited(0));
            CHECK_EQ(seen.err, "");
            if (std::strcmp(program, "fork_and_exit") == 0) CHECK_EQ(seen.out, "3");
        }
    }
}

TEST_CASE("calls are logged") {
    const std::string lines = "cudaFree(0) = 0 cudaSuccess\ncudaSetDevice(9) = 101 cudaErrorInvalidDevice\n";
    const child to_stderr = run_here("drop_log", {{"CUDA_SIM_LOG", "-"}});
    CHECK_EQ(to_stderr.out, lines);
    CHECK_EQ(to_stderr.err, lines);
    const child to_file = run_here("drop_log", {{"CUDA_SIM_LOG", "calls.log"}});
    CHECK_EQ(to_file.err, "");
    std::ifstream file("calls.log");
    CHECK_EQ(std::string(std::istreambuf_iterator<char>(file), {}), lines);
    CHECK_EQ(run_here("drop_log").out, "");
}

int main(int count, char** arguments) {
    self = arguments[0];
    if (count == 3 && std::string(arguments[1]) == "--program") {
        programs.at(arguments[2])();
        return 0;
    }
    if (count == 2 && std::string(arguments[1]) == "--real") {  // the same binary on the real library
        int devices = 0;
        const cudaError_t answer = cudaGetDeviceCount(&devices);
        std::printf("%s, %d devices\n", cudaGetErrorName(answer), devices);
        const bool known =
            answer == cudaSuccess || answer == cudaErrorInsufficientDriver || answer == cudaErrorNoDevice;
        return cuda_sim::find() == nullptr && known ? 0 : 1;
    }
    return doctest::Context(count, arguments).run();
}
