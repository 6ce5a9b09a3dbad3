#pragma once

namespace cli {

/// Somebody wants the program to end (Ctrl-C) while a file that it writes is not yet in its place. Thrown at the next
/// read, so that the temporary file is removed on the way out.
struct interrupted {
    int signal;
};

/// From now on SIGINT, SIGTERM and SIGHUP are kept for check_interrupt().
void delay_interrupts();
/// Errors: interrupted.
void check_interrupt();
/// Ends the program as the signal would have.
int end_by(const interrupted& i);

}  // namespace cli
