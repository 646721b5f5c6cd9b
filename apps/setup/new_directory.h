// A directory that is there complete or not at all, whatever happens while it is made.
#pragma once

#include "base/descriptor.h"
#include "base/result.h"

#include <filesystem>
#include <optional>

namespace berth::app {

// Made beside its final place (".NAME.making") and renamed at the end. What a process that was killed has left there belongs
// to nobody any more: the next one with the same name clears it away. A process that still works on it holds a lock.
class new_directory {
public:
    // Errors `file_exists`: `final_place` is there and not empty; `in_use`: another process makes it just now; `file_error`.
    static result<new_directory> begin(const std::filesystem::path& final_place);
    // What an interrupted process has left for this place, locked and kept, where `finished` is among it; else empty, and what
    // there was is gone. Errors `in_use`, `file_error`.
    static result<std::optional<new_directory>> resume(const std::filesystem::path& final_place,
                                                       const std::filesystem::path& finished);
    new_directory(new_directory&&) noexcept = default;
    new_directory& operator=(new_directory&&) = delete;
    // Removes what was not published, unless it is kept.
    ~new_directory();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    // Whether what is not published stays for resume().
    void keep(bool kept) { kept_ = kept; }
    // To its final place, durably. Error `file_exists`: something has come to be there meanwhile; `file_error`.
    result<void> publish();

private:
    new_directory(std::filesystem::path final_place, std::filesystem::path path, descriptor lock)
        : final_place_(std::move(final_place)), path_(std::move(path)), lock_(std::move(lock)) {}
    std::filesystem::path final_place_;
    std::filesystem::path path_;
    descriptor lock_;
    bool kept_ = false;
};

// A finished directory, renamed to its place, durably: in place of an empty directory, or of nothing. Error `file_exists`:
// something is there; `file_error`.
result<void> put_in_place(const std::filesystem::path& made, const std::filesystem::path& place);

}  // namespace berth::app
