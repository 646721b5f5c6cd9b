// Other programs of ours as child processes: started, listened to line by line, stopped.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace berth::app {

class child_process {
public:
    // `arguments` without the program. Standard output and error are read by poll_children().
    static result<child_process> start(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                                       const std::vector<std::string>& extra_environment = {});
    child_process(child_process&& other) noexcept;
    child_process& operator=(child_process&&) = delete;
    ~child_process();  // SIGTERM, then, after two seconds, SIGKILL

    void terminate();
    [[nodiscard]] pid_t pid() const { return pid_; }
    // Whole lines that came since the last call.
    std::vector<std::string> take_output_lines() { return std::exchange(output_.lines, {}); }
    std::vector<std::string> take_error_lines() { return std::exchange(error_.lines, {}); }
    // The exit code once it has ended (128 + signal when killed).
    [[nodiscard]] std::optional<int> exit_code();
    [[nodiscard]] bool ended();

private:
    struct pipe_reader {
        int fd = -1;
        std::string partial;
        std::vector<std::string> lines;
        void read_some();
        void close();
    };
    child_process() = default;
    friend void poll_children(const std::vector<child_process*>& children, milliseconds most);
    pid_t pid_ = -1;
    std::optional<int> code_;
    pipe_reader output_, error_;
};

// Waits until one of them has said something or ended, at most `most`.
void poll_children(const std::vector<child_process*>& children, milliseconds most);

// The program beside the running one ("berthd" beside "berth"). Error `program_missing`.
result<std::filesystem::path> sibling_program(const std::string& name);

}  // namespace berth::app
