// Chips without silicon, one for each device: swtpm, certified by a maker of its own as a TPM is when it is sold, and stsafe-sim.
#pragma once

#include "common/process.h"
#include "setup/factory.h"

#include <map>

namespace berth::app {

// The back ends that devices have in turn.
inline constexpr std::array<const char*, 3> device_backends{"software", "tpm2", "stsafe"};

// A chip that is switched on, for as long as the object lives.
class chip {
public:
    // "tpm2", "stsafe".
    [[nodiscard]] const std::string& backend() const { return backend_; }
    // A key's name: a handle or a slot, and what else belongs to it, in this chip.
    [[nodiscard]] std::string key(const std::string& place) const;
    // The identity's keys and those of all operational certificates that such a chip can have are made in it; others are left
    // out. Of a TPM also: whose it must be.
    void place_keys(device_order& order) const;

private:
    friend class chip_works;
    chip(std::string backend, std::string where, std::vector<std::filesystem::path> makers, child_process process)
        : backend_(std::move(backend)), where_(std::move(where)), makers_(std::move(makers)), process_(std::move(process)) {}
    std::string backend_;
    std::string where_;  // what follows a key's place
    std::vector<std::filesystem::path> makers_;
    child_process process_;
};

class chip_works {
public:
    // Whether nobody wants it any more, asked every few milliseconds: then the error is `interrupted`.
    using given_up = std::function<bool()>;

    // The chips' memories, and the CA of their maker, are kept in `directory`; their sockets in a directory for temporary files,
    // which goes with this object: what stands in names of keys has to be short, and free of what separates their parts. Errors
    // `program_missing`: what to install; of files.
    static result<std::unique_ptr<chip_works>> open(const std::filesystem::path& directory);
    chip_works(const chip_works&) = delete;
    chip_works& operator=(const chip_works&) = delete;
    ~chip_works();

    // Begins to make a TPM, which takes seconds, beside whatever is done next. Errors of processes.
    result<void> begin_tpm(const std::string& name);
    // The TPM that was begun, or a blank STSAFE-A, switched on. Error `chip_failed`: with what its program said.
    result<chip> take(const std::string& backend, const std::string& name, const given_up& no_more);

private:
    explicit chip_works(std::filesystem::path room) : room_(std::move(room)) {}
    // Its place as its programs know it.
    [[nodiscard]] std::filesystem::path memory_of(const std::string& name) const { return room_ / "chips" / name; }
    [[nodiscard]] result<void> make_maker() const;
    result<chip> take_tpm(const std::string& name, const given_up& no_more);
    result<chip> take_element(const std::string& name, const given_up& no_more);

    std::filesystem::path room_;
    std::filesystem::path swtpm_, swtpm_setup_, stsafe_sim_;
    std::map<std::string, child_process> begun_;
};

}  // namespace berth::app
