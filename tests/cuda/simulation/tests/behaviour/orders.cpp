#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "simulated.hpp"

using namespace simulated;

namespace {

/// Appends a letter when the work before it in its stream is done.
struct letter {
    std::string* text;
    char value;
    static void write(void* data) {
        static std::mutex one_at_a_time;
        const std::lock_guard lock(one_at_a_time);
        const auto* self = static_cast<letter*>(data);
        self->text->push_back(self->value);
    }
};

/// Two streams with the letters "ab" and "xy", issued a x b y.
struct interleaved {
    std::string text;
    letter letters[4] = {{&text, 'a'}, {&text, 'x'}, {&text, 'b'}, {&text, 'y'}};
    cudaStream_t one = new_stream(), two = new_stream();

    interleaved() {
        for (int i = 0; i < 4; ++i) OK(cudaLaunchHostFunc(i % 2 == 0 ? one : two, letter::write, &letters[i]));
    }
    ~interleaved() {
        OK(cudaStreamDestroy(one));
        OK(cudaStreamDestroy(two));
    }
};

}  // namespace

TEST_CASE("late: nothing runs before it is needed, and no more than that") {
    const fresh world(in(order::late));
    interleaved work;
    CHECK_EQ(work.text, "");
    OK(cudaStreamSynchronize(work.one));
    CHECK_EQ(work.text, "ab");
    OK(cudaDeviceSynchronize());
    CHECK_EQ(work.text, "abxy");
}

TEST_CASE("late: an event needs the work before it only") {
    const fresh world(in(order::late));
    interleaved work;
    const cudaEvent_t event = new_event();
    letter more{&work.text, 'c'};
    OK(cudaEventRecord(event, work.one));
    OK(cudaLaunchHostFunc(work.one, letter::write, &more));
    OK(cudaEventSynchronize(event));
    CHECK_EQ(work.text, "ab");
    OK(cudaStreamWaitEvent(work.two, event, 0));
    OK(cudaStreamSynchronize(work.one));
    CHECK_EQ(work.text, "abc");
    OK(cudaStreamSynchronize(work.two));
    OK(cudaEventDestroy(event));
}

TEST_CASE("reversed: the other streams go first, latest issue first") {
    const fresh world(in(order::reversed));
    interleaved work;
    OK(cudaStreamSynchronize(work.one));
    CHECK_EQ(work.text, "xyab");
}

TEST_CASE("reversed: of three streams, the last to be used goes first, and the one that is waited for last") {
    const fresh world(in(order::reversed));
    std::string text;
    letter letters[] = {{&text, 'a'}, {&text, 'b'}, {&text, 'c'}};
    cudaStream_t streams[3];
    for (int i = 0; i < 3; ++i) {
        streams[i] = new_stream();
        OK(cudaLaunchHostFunc(streams[i], letter::write, &letters[i]));
    }
    OK(cudaStreamSynchronize(streams[1]));
    CHECK_EQ(text, "cab");
    for (const cudaStream_t stream : streams) OK(cudaStreamDestroy(stream));
}

TEST_CASE("a stream waits for an event of another in every order, and for no later work") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        const fresh world(in(run));
        std::string text;
        letter a{&text, 'a'}, b{&text, 'b'};
        const cudaStream_t one = new_stream(), two = new_stream();
        const cudaEvent_t event = new_event();
        char* memory = device_memory(1);
        OK(static_cast<cudaError_t>(sim().launch_fill(memory, 0, 1, 2000, one)));
        OK(cudaLaunchHostFunc(one, letter::write, &a));
        OK(cudaEventRecord(event, one));
        OK(cudaStreamWaitEvent(two, event, 0));
        OK(cudaLaunchHostFunc(two, letter::write, &b));
        OK(cudaEventRecord(event, two));  // the wait is for what was recorded before
        OK(cudaEventSynchronize(event));
        CHECK_EQ(text, "ab");
        OK(cudaEventDestroy(event));
        OK(cudaStreamDestroy(one));
        OK(cudaStreamDestroy(two));
        OK(cudaFree(memory));
    }
}

TEST_CASE("a question makes no work wait for ever, and its first answer is no") {
    for (const order run : {order::late, order::reversed}) {
        CAPTURE(static_cast<int>(run));
        const fresh world(in(run));
        interleaved work;
        const cudaEvent_t event = new_event();
        OK(cudaEventQuery(event));  // never recorded
        OK(cudaEventSynchronize(event));
        OK(cudaStreamWaitEvent(work.one, event, 0));
        OK(cudaEventRecord(event, work.one));
        int questions = 0;
        while (cudaEventQuery(event) == cudaErrorNotReady) ++questions;
        CHECK_GE(questions, 2);
        CHECK_LE(questions, 8);
        FAILS(cudaGetLastError(), cudaSuccess);  // "not ready" is no error
        questions = 0;
        while (cudaStreamQuery(work.two) == cudaErrorNotReady) ++questions;
        CHECK_EQ(questions, run == order::late ? 2 : 0);
        CHECK_EQ(work.text.size(), 4);
        OK(cudaEventDestroy(event));
    }
}

TEST_CASE("prompt: work goes on while nobody waits") {
    const fresh world;
    interleaved work;
    while (cudaStreamQuery(work.one) != cudaSuccess || cudaStreamQuery(work.two) != cudaSuccess) {
        std::this_thread::yield();
    }
    CHECK_EQ(work.text.size(), 4);
}

TEST_CASE("random: seeds differ") {
    std::vector<std::string> seen;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const fresh world({.run = order::random, .seed = seed});
        char* memory = device_memory(2);
        const cudaStream_t one = new_stream(), two = new_stream();
        std::atomic<int> count{0};
        struct mark {
            std::atomic<int>* count;
            int at = 0;
        } marks[2] = {{&count}, {&count}};
        const auto function = [](void* data) {
            auto* self = static_cast<mark*>(data);
            self->at = self->count->fetch_add(1);
        };
        OK(cudaLaunchHostFunc(one, function, &marks[0]));
        OK(cudaLaunchHostFunc(two, function, &marks[1]));
        OK(cudaDeviceSynchronize());
        seen.push_back(marks[0].at < marks[1].at ? "first" : "second");
        OK(cudaStreamDestroy(one));
        OK(cudaStreamDestroy(two));
        OK(cudaFree(memory));
    }
    CHECK_NE(std::count(seen.begin(), seen.end(), "first"), 0);
    CHECK_NE(std::count(seen.begin(), seen.end(), "second"), 0);
}

TEST_CASE("destroyed streams do their work") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        const fresh world(in(run));
        char* memory = device_memory(3);
        const cudaStream_t stream = new_stream();
        OK(cudaMemsetAsync(memory, 'z', 3, stream));
        OK(cudaStreamDestroy(stream));
        OK(cudaDeviceSynchronize());
        CHECK_EQ(peek(memory, 3), "zzz");
        OK(cudaFree(memory));
    }
}

TEST_CASE("the legacy default stream and blocking streams wait for each other") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        const fresh world(in(run));
        char* memory = device_memory(1);
        char* host = pinned_memory(4);
        const cudaStream_t one = new_stream(cudaStreamDefault), two = new_stream(cudaStreamDefault);
        OK(static_cast<cudaError_t>(sim().launch_fill(memory, 'a', 1, 1000, one)));
        OK(cudaMemcpyAsync(host, memory, 1, cudaMemcpyDefault, nullptr));
        OK(static_cast<cudaError_t>(sim().launch_fill(memory, 'b', 1, 0, cudaStreamLegacy)));
        OK(cudaMemcpyAsync(host + 1, memory, 1, cudaMemcpyDefault, two));
        OK(cudaMemsetAsync(memory, 'c', 1, nullptr));
        OK(cudaMemcpyAsync(host + 2, memory, 1, cudaMemcpyDefault, cudaStreamPerThread));
        OK(cudaStreamSynchronize(nullptr));
        CHECK_EQ(std::string(host, 3), "abc");
        OK(cudaStreamDestroy(one));
        OK(cudaStreamDestroy(two));
        OK(cudaFree(memory));
        OK(cudaFreeHost(host));
    }
}

TEST_CASE("a non-blocking stream does not wait for the default stream") {
    const fresh world(in(order::late));
    char* memory = device_memory(2);
    const cudaStream_t stream = new_stream();
    OK(cudaMemsetAsync(memory, 'a', 1, nullptr));
    OK(cudaMemsetAsync(memory + 1, 'b', 1, stream));
    OK(cudaStreamSynchronize(stream));
    CHECK_EQ(peek(memory, 2),
             "\xCD"
             "b");
    FAILS(cudaStreamQuery(nullptr), cudaErrorNotReady);
    FAILS(cudaStreamQuery(nullptr), cudaSuccess);
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(memory));
}

TEST_CASE("events time and streams have priorities, for programs that want them") {
    const fresh world;
    cudaEvent_t start = nullptr, end = nullptr;
    cudaStream_t stream = nullptr;
    OK(cudaEventCreate(&start));
    OK(cudaEventCreate(&end));
    OK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0));
    OK(cudaEventRecord(start, stream));
    OK(static_cast<cudaError_t>(sim().launch_fill(nullptr, 0, 0, 3000, stream)));
    OK(cudaEventRecord(end, stream));
    OK(cudaEventSynchronize(end));
    float milliseconds = 0;
    OK(cudaEventElapsedTime(&milliseconds, start, end));
    CHECK_GE(milliseconds, 2.9F);
    OK(cudaEventDestroy(start));
    OK(cudaEventDestroy(end));
    OK(cudaStreamDestroy(stream));
}
