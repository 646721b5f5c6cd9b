// A device's side of firmware: what it keeps in its state directory, and how one installation goes on from wherever it was left.
//
// DIR/state.json (firmware/record.h), root.json (the root that is trusted now), manifest.json (of what is under way), downloads/,
// lock. Each is replaced whole, and on disk before anything that follows from it is done.
#pragma once

#include "base/clock.h"
#include "base/descriptor.h"
#include "firmware/record.h"
#include "updating/counter.h"
#include "updating/download.h"
#include "updating/slots.h"

namespace berth::app {

struct install_options {
    std::filesystem::path state;
    std::filesystem::path root;  // what the maker put there; needed once
    repository_access repository;
    std::string vendor, device_class, revision, ring;
    std::map<std::string, uint64_t> others;
    std::optional<unsigned> battery_percent;
    bool again = false;
    bool no_clock = false;
    std::optional<uint64_t> factory_seq;  // of what the factory installed, at the first use
    std::string element;                  // a chip that verifies, too
    uint8_t element_key = 0;
};

enum class install_outcome : uint8_t {
    up_to_date,     // nothing newer
    switched,       // the other slot is tried at the next start
    trial_running,  // it runs, and waits to be confirmed
};

class installer {
public:
    // Takes the directory for itself, but to `look` alone. Errors `busy` (somebody else has it); those of reading what is kept.
    enum class purpose : uint8_t { work, look };
    static result<installer> open(const std::filesystem::path& state, slots& where, security_counter& counter,
                                  purpose why = purpose::work);
    installer(installer&&) noexcept = default;
    installer& operator=(installer&&) = delete;

    // As far as it goes: to a trial that waits for a start, or to nothing newer. Errors of firmware/verify.h, fetch.h; of files;
    // `cancelled`.
    result<install_outcome> install(const install_options& o, const clock& time, random_source& random, const still_wanted& go_on,
                                    const progress_report& tell);
    // What runs is good: for the program that knows. Errors of firmware::confirm.
    result<void> confirm(const progress_report& tell);
    // What is under way is given up; a trial is taken back.
    result<void> give_up(const progress_report& tell);

    [[nodiscard]] const firmware::record& record() const { return record_; }
    [[nodiscard]] const firmware::place& place() const { return place_; }
    [[nodiscard]] uint64_t counted() const { return counted_; }

private:
    installer(std::filesystem::path state, slots& where, security_counter& counter, descriptor lock)
        : dir_(std::move(state)), slots_(where), counter_(counter), lock_(std::move(lock)) {}

    result<void> keep();
    // What a start, or a crash, has left to be done.
    result<void> settle(const progress_report& tell);
    result<firmware::trusted_root> known_root(const install_options& o) const;
    result<firmware::trusted_root> newest_root(const install_options& o, downloader& from, const progress_report& tell);
    // The manifest that is to be installed; nothing: there is nothing newer.
    result<std::optional<firmware::verified_manifest>> choose(const install_options& o, downloader& from,
                                                              const progress_report& tell, unix_seconds now);
    result<std::optional<firmware::verified_manifest>> under_way(const install_options& o) const;
    result<void> fetch_images(const firmware::manifest& m, downloader& from, const still_wanted& go_on,
                              const progress_report& tell);
    result<bool> by_delta(const firmware::component& c, downloader& from, const still_wanted& go_on, const progress_report& tell);
    result<void> write_images(const firmware::manifest& m, const still_wanted& go_on, const progress_report& tell);
    result<void> check_written(const firmware::manifest& m, const still_wanted& go_on);
    [[nodiscard]] std::filesystem::path image(const firmware::stored_octets& what) const {
        return dir_ / "downloads" / what.digest;
    }

    std::filesystem::path dir_;
    slots& slots_;
    security_counter& counter_;
    descriptor lock_;
    firmware::record record_;
    std::string kept_;  // its text, as it is on disk
    firmware::place place_;
    uint64_t counted_ = 0;
};

}  // namespace berth::app
