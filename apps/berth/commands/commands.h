// The commands of `berth`, one file each. Each adds its subcommands to the command line; a subcommand's callback leaves its
// exit code in `context`.
#pragma once

#include "common/output.h"
#include "net/address.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace berth::app {

// For options that take an address: a mistake is found before anything is made.
inline CLI::Validator host_and_port() {
    return {[](const std::string& text) {
                const auto address = net::parse_address(text);
                return address ? std::string() : address.error().message;
            },
            ""};  // what it takes stands in the type's name
}

struct context {
    bool json = false;
    int exit = 0;

    // For callbacks: runs `work`, reports its error.
    template <class F>
    void run(const F& work) {
        if (const auto done = work(); !done) {
            exit = report(done.error(), json);
        }
    }
};

// factory revoke, crl
void add_factory_lists(CLI::App& factory, context& c);
// factory personalise, log, labels, registration
void add_factory_lots(CLI::App& factory, context& c);
// factory order, line, issue
void add_factory_line(CLI::App& factory, context& c);
// factory reissue; device recover
void add_factory_reissue(CLI::App& factory, context& c);
void add_device_recover(CLI::App& device, context& c);
// factory, masa init, ca, registrar init
void add_setup(CLI::App& cli, CLI::App& masa, CLI::App& registrar, context& c);
// customer, ownership, masa log
void add_records(CLI::App& cli, CLI::App& masa, context& c);
// registrar devices, approve, deny, group, config
void add_registrar_records(CLI::App& registrar, context& c);
// chain
void add_chain(CLI::App& cli, context& c);
void add_device(CLI::App& cli, context& c);
void add_key(CLI::App& cli, context& c);
void add_jose(CLI::App& cli, context& c);
void add_firmware(CLI::App& cli, context& c);
void add_identity(CLI::App& cli, context& c);
void add_est(CLI::App& cli, context& c);
// user, token, waiting, approve, deny
void add_est_office(CLI::App& est, context& c);
void add_est_tpm(CLI::App& est, context& c);
void add_authkem(CLI::App& cli, context& c);
void add_quickstart(CLI::App& cli, context& c);
void add_demo(CLI::App& cli, context& c);
void add_bench(CLI::App& cli, context& c);
void add_bench_agent(CLI::App& group, context& c);

// The ends of all --help texts: files, exit codes, an example. After all commands were added.
void add_manuals(CLI::App& cli);

}  // namespace berth::app
