// The two slots of a device, as its boot loader has them: docs/firmware.md, "Slots".
#pragma once

#include "base/clock.h"
#include "firmware/manifest.h"
#include "firmware/record.h"

#include <filesystem>
#include <functional>
#include <memory>

namespace berth::app {

// Called now and then while octets are read or a program runs; an error ends what is under way.
using still_wanted = std::function<result<void>()>;

// A file that has just been read from end to end, and is what a manifest says: nobody else makes one.
class checked_image {
public:
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] const firmware::stored_octets& what() const { return what_; }

private:
    friend result<checked_image> check_image(const std::filesystem::path&, const firmware::stored_octets&, const still_wanted&);
    checked_image(std::filesystem::path path, firmware::stored_octets what) : path_(std::move(path)), what_(std::move(what)) {}
    std::filesystem::path path_;
    firmware::stored_octets what_;
};
// Of a file its first `what.size` octets, where it is a block device. Errors `image_damaged` (environment): it is shorter, longer
// or another; file_not_found, file_error.
result<checked_image> check_image(const std::filesystem::path& path, const firmware::stored_octets& what,
                                  const still_wanted& go_on);

class slots {
public:
    virtual ~slots() = default;
    virtual result<firmware::place> current() = 0;
    // What lies there afterwards is read back where it can be.
    virtual result<void> write(const std::string& slot, const std::string& component, const checked_image& image,
                               const still_wanted& go_on) = 0;
    // Each may be said again. activate: the next start tries the slot, once.
    virtual result<void> activate(const std::string& slot) = 0;
    virtual result<void> confirm(const std::string& slot) = 0;
    virtual result<void> revert(const std::string& slot) = 0;
    // Where a component can be read, if it can.
    virtual result<std::optional<std::filesystem::path>> image_of(const std::string& slot, const std::string& component) = 0;
};
using slots_ptr = std::unique_ptr<slots>;

// "a" for "b", and the other way round.
std::string other_slot(std::string_view slot);

// DIR/a and DIR/b, and in DIR/boot.json which of them starts. Made if it is not there.
result<slots_ptr> directory_slots(const std::filesystem::path& directory);
// What a boot loader does at a start, for directory slots: a slot to be tried is tried once. The slot that runs from now on.
result<std::string> boot_directory(const std::filesystem::path& directory);

// A program of the device's maker, called with fixed words. Errors `hook_failed` with what it said.
result<slots_ptr> program_slots(const std::filesystem::path& program);

}  // namespace berth::app
