#include "interrupt.hpp"

#include <array>
#include <csignal>

namespace cli {
namespace {

constexpr std::array signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU};
volatile std::sig_atomic_t received = 0;

extern "C" void remember(int signal) { received = signal; }

}  // namespace

void delay_interrupts() {
    for (const int s : signals)
        if (std::signal(s, remember) == SIG_IGN) std::signal(s, SIG_IGN);  // nohup
}

void check_interrupt() {
    if (received != 0) throw interrupted{received};
}

int end_by(const interrupted& i) {
    std::signal(i.signal, SIG_DFL);
    std::raise(i.signal);
    return 1;
}

}  // namespace cli
