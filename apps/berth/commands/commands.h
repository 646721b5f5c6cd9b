// The commands of `berth`, one file each. Each adds its subcommands to the command line; a subcommand's callback leaves its
// exit code in `context`.
#pragma once

#include "common/output.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace berth::app {

struct context {
    bool json = false;
    int exit = 0;

    // For callbacks: runs `work`, reports its error.
    template <class F>
    void run(F&& work) {
        if (const auto done = work(); !done) {
            exit = report(done.error(), json);
        }
    }
};

void add_authkem(CLI::App& cli, context& context);

}  // namespace berth::app
