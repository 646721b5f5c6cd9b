// stsafe-sim: a model of an STSAFE-A behind a Unix socket.
#include "base/log.h"
#include "crypto/random.h"
#include "crypto/version.h"
#include "keystore/stsafe/model/connection.h"
#include "stsafe-sim/sample.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace berth;
using namespace berth::keystore::stsafe;

constexpr const char* usage =
    "usage: stsafe-sim --socket PATH --state DIR [--model a110|a120] [--sample FILE] [--silicon-delays] [--json]\n"
    "\n"
    "A model of an STSAFE-A secure element behind a Unix socket, for tests, demonstrations and development without the chip. "
    "It\n"
    "speaks the chip's frames (header, length, CRC-16, C-MAC and R-MAC, encrypted payloads), gives its status codes, and keeps\n"
    "zones with access conditions, one-way counters, P-256 and P-384 key slots, local envelopes, a password and a life cycle.\n"
    "\n"
    "What it is: a model made from published driver sources (STSELib 1.1.9), not tried on silicon. What those sources do not "
    "say,\n"
    "it decided by itself; src/keystore/stsafe marks each such place [model]. What it is not: a place for keys. They lie in "
    "this\n"
    "process's memory, and on disk under a key that lies beside them. Whoever reads the directory has the chip.\n"
    "\n"
    "  --socket PATH     where it listens (mode 0600); each packet is one transaction of an I2C bus, which\n"
    "                    src/keystore/stsafe/bus.h describes\n"
    "  --state DIR       the chip's memory; made, as a blank chip's, when it is not there\n"
    "  --model M         a120 (the default), or a110, which has no extended commands (hashing, public key slots and entities,\n"
    "                    host keys of the second version, DeriveKeys). Of a new chip; one that is there stays what it is\n"
    "  --sample FILE     gives a new chip an identity, as a maker's has: a key in slot 0, its certificate in zone 0, and in FILE "
    "the\n"
    "                    certificate of the CA that issued it (made for this chip, its key thrown away). Then\n"
    "                    `berth se authenticate --ca FILE` finds it genuine. A chip that has one keeps it\n"
    "  --silicon-delays  be busy after each command for as long as the driver says that an STSAFE-A120 is (23 ms to read, 37 to\n"
    "                    sign, 83 for ECDH); without it, commands end at once. Not a measurement of silicon\n"
    "  --json            logs as JSON lines, on standard error; text otherwise\n"
    "\n"
    "A blank chip: zones 0 to 4 and 7 for data (1000, 700, 600, 600, 1696 and 48 octets), counters of 500000 in zones 5 and 6,\n"
    "all open to everybody until somebody closes them; five key slots (slot 0 signs and nothing else), two envelope keys,\n"
    "of an A120 four public key slots; no keys, no host key, no password.\n"
    "\n"
    "On standard output: {\"event\":\"ready\",\"socket\":PATH} once it listens.\n"
    "Signals: SIGTERM and SIGINT end it; SIGHUP takes its power away and gives it back (which also ends a hibernation).\n"
    "Files, below DIR: state (AES-256-GCM, written whole or not at all before each answer), fuses (its key), lock.\n"
    "Exit codes: 0 ended by a signal, 2 usage, 3 environment (socket, file), 4 our fault.\n"
    "Example: stsafe-sim --socket /run/user/1000/chip --state ~/chip &\n"
    "         then name its keys stsafe:slot=1;device=/run/user/1000/chip\n";

std::atomic<bool> ending = false;
std::atomic<bool> power_lost = false;

struct arguments {
    std::string socket;
    std::string state;
    std::string sample;
    bool silicon_delays = false;
    model::product kind = model::product::a120;
    log::format format = log::format::text;
    bool help = false;
};

// What is wrong with the command line; empty: nothing.
std::string parse(int argc, char** argv, arguments& into) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--socket" && i + 1 < argc) {
            into.socket = argv[++i];
        } else if (argument == "--state" && i + 1 < argc) {
            into.state = argv[++i];
        } else if (argument == "--model" && i + 1 < argc) {
            const std::string_view kind = argv[++i];
            if (kind != "a110" && kind != "a120") {
                return fmt::format("--model is a110 or a120, not \"{}\"", kind);
            }
            into.kind = kind == "a110" ? model::product::a110 : model::product::a120;
        } else if (argument == "--sample" && i + 1 < argc) {
            into.sample = argv[++i];
        } else if (argument == "--silicon-delays") {
            into.silicon_delays = true;
        } else if (argument == "--json") {
            into.format = log::format::json;
        } else if (argument == "--help" || argument == "-h") {
            into.help = true;
        } else {
            return fmt::format("I do not know \"{}\", or it lacks its value", argument);
        }
    }
    if (into.help) {
        return "";
    }
    return into.socket.empty() ? "--socket PATH is missing" : into.state.empty() ? "--state DIR is missing" : "";
}

// One packet of a client. False: it is gone.
bool serve_once(model::chip& chip, int client) {
    bytes packet(bus::most_packet);
    const ssize_t got = ::recv(client, packet.data(), packet.size(), 0);
    if (got <= 0) {
        return got < 0 && errno == EINTR;
    }
    packet.resize(static_cast<size_t>(got));
    const bytes reply = model::serve(chip, packet);
    return ::send(client, reply.data(), reply.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(reply.size());
}

// Serves all who connect until a signal ends it. Signals are let in by ppoll() alone, so that none is missed.
void serve_all(model::chip& chip, int listener, const sigset_t& while_waiting) {
    std::vector<pollfd> open{{listener, POLLIN, 0}};
    while (!ending) {
        if (power_lost.exchange(false)) {
            chip.power_cycle();
            log::info("power_cycled", "the chip lost its power and has it again");
        }
        if (::ppoll(open.data(), open.size(), nullptr, &while_waiting) < 0) {
            continue;  // a signal
        }
        for (size_t i = open.size(); i-- > 1;) {
            if (open[i].revents != 0 && !serve_once(chip, open[i].fd)) {
                ::close(open[i].fd);
                open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
        if (open[0].revents != 0) {
            const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (client >= 0) {
                open.push_back({client, POLLIN, 0});
            }
        }
    }
    for (size_t i = 1; i < open.size(); ++i) {
        ::close(open[i].fd);
    }
}

sigset_t hold_signals() {
    struct sigaction action{};
    action.sa_handler = [](int which) { (which == SIGHUP ? power_lost : ending) = true; };
    sigset_t held;
    sigset_t before;
    ::sigemptyset(&held);
    for (const int which : {SIGTERM, SIGINT, SIGHUP}) {
        ::sigaddset(&held, which);
        ::sigaction(which, &action, nullptr);
    }
    ::sigprocmask(SIG_BLOCK, &held, &before);
    return before;
}

int run(const arguments& how) {
    const sigset_t while_waiting = hold_signals();
    auto store = model::open_directory(how.state, crypto::system_random());
    if (!store) {
        log::failure("state_unusable", store.error());
        return exit_code(store.error().category);
    }
    auto chip = model::chip::power_on(**store, crypto::system_random(), {.kind = how.kind, .silicon_delays = how.silicon_delays});
    if (!chip) {
        log::failure("state_unusable", chip.error());
        return exit_code(chip.error().category);
    }
    if (const auto given = how.sample.empty() ? result<void>() : model::give_sample(*chip, how.sample); !given) {
        log::failure("sample_unusable", given.error());
        return exit_code(given.error().category);
    }
    const auto listener = bus::listen(how.socket);
    if (!listener) {
        log::failure("socket_unusable", listener.error());
        return exit_code(listener.error().category);
    }
    std::printf("{\"event\":\"ready\",\"socket\":\"%s\"}\n", log::escape(how.socket).c_str());
    std::fflush(stdout);
    serve_all(*chip, *listener, while_waiting);
    ::close(*listener);
    ::unlink(how.socket.c_str());
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    arguments how;
    if (const std::string wrong = parse(argc, argv, how); !wrong.empty()) {
        std::fprintf(stderr, "stsafe-sim: %s\n\n%s", wrong.c_str(), usage);
        return 2;
    }
    if (how.help) {
        std::fputs(usage, stdout);
        return 0;
    }
    log::configure(log::level::info, how.format);
    if (const auto usable = crypto::require_openssl(); !usable) {
        log::failure("openssl_too_old", usable.error());
        return exit_code(usable.error().category);
    }
    return run(how);
} catch (const std::exception& e) {
    std::fprintf(stderr, "stsafe-sim: our fault: %s\n", e.what());
    return 4;
}
