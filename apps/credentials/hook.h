// A program that is run because a certificate has changed: in a process group of its own, for a limited time, with its output
// in the log. No shell.
#pragma once

#include "net/loop.h"

#include "base/result.h"

#include <string>
#include <vector>

#include <sys/types.h>

namespace berth::app {

class hook {
public:
    // `outcome`: empty, or what went wrong in a few words ("ended with 3").
    using done_handler = std::function<void(const std::string& outcome)>;
    // `environment` is added to ours. The handler is called later, on the loop, once.
    hook(net::loop& on, const clock& time, std::vector<std::string> argv, std::vector<std::string> environment,
         milliseconds limit, done_handler done);
    ~hook();  // what still runs is killed
    hook(const hook&) = delete;
    hook& operator=(const hook&) = delete;

private:
    std::string start(std::vector<std::string> environment);
    void look();
    void read_output();
    void log_line(const std::string& line) const;
    [[nodiscard]] std::optional<std::string> ended();
    void finish(const std::string& outcome);

    const clock& clock_;
    std::vector<std::string> argv_;
    milliseconds limit_;
    done_handler done_;
    net::timer pause_;
    pid_t pid_ = -1;
    int output_ = -1;
    std::string partial_;
    size_t logged_ = 0;
    milliseconds began_ = 0;
    milliseconds terminated_ = 0;  // 0: not yet
};

}  // namespace berth::app
