#include "updating/slots.h"

#include "base/descriptor.h"
#include "common/files.h"
#include "common/process.h"
#include "crypto/hash.h"
#include "firmware/members.h"
#include "store/fault_point.h"

#include <cerrno>

#include <fmt/ranges.h>

#include <fcntl.h>
#include <sys/stat.h>

namespace berth::app {

namespace fs = std::filesystem;
namespace json = wire::json;

namespace {

constexpr size_t piece = 256 * 1024;

// Both files are open; `out` may be none.
result<crypto::digest> read_through(const descriptor& in, uint64_t size, const descriptor* out, const fs::path& from,
                                    const fs::path& to, const still_wanted& go_on) {
    crypto::hasher all(crypto::hash_algorithm::sha256);
    bytes some(piece);
    for (uint64_t left = size; left != 0;) {
        BERTH_CHECK(go_on());
        const ssize_t got = ::read(in.get(), some.data(), std::min<uint64_t>(left, some.size()));
        if (got < 0) {
            return cannot("read", from);
        }
        if (got == 0) {
            break;
        }
        const auto now = bytes_view(some).first(static_cast<size_t>(got));
        all.update(now);
        left -= now.size();
        for (size_t done = 0; out != nullptr && done < now.size();) {
            const ssize_t put = ::write(out->get(), now.data() + done, now.size() - done);
            if (put < 0) {
                return cannot("write", to);
            }
            done += static_cast<size_t>(put);
        }
    }
    return all.finish();
}

}  // namespace

result<checked_image> check_image(const fs::path& path, const firmware::stored_octets& what, const still_wanted& go_on) {
    const descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat about{};
    if (!in || ::fstat(in.get(), &about) != 0) {
        return cannot("read", path);
    }
    const auto damaged = [&](std::string_view why) {
        return fail(error{error_category::environment,
                          "image_damaged",
                          fmt::format("{} is not the image that the manifest speaks of: {}", path.string(), why),
                          {{"path", path.string()}}});
    };
    if (S_ISREG(about.st_mode) && static_cast<uint64_t>(about.st_size) != what.size) {
        return damaged(fmt::format("it has {} octets, and should have {}", about.st_size, what.size));
    }
    BERTH_TRY(digest, read_through(in, what.size, nullptr, path, {}, go_on));
    if (to_hex(digest.view()) != what.digest) {
        return damaged("its digest is another");
    }
    return checked_image(path, what);
}

std::string other_slot(std::string_view slot) {
    return slot == "a" ? "b" : "a";
}

namespace {

result<void> is_slot(std::string_view name, const std::string& who) {
    if (name != "a" && name != "b") {
        return fail(error_category::environment, "bad_slot",
                    fmt::format("{} says that slot \"{}\" runs; there are a and b.", who, name.substr(0, 64)));
    }
    return {};
}

// What a boot loader keeps.
struct boot_state {
    std::string running = "a", active = "a", trial;  // trial: to be tried at the next start, once
    uint64_t boots = 1;
};

class directory final : public slots {
public:
    explicit directory(fs::path at) : at_(std::move(at)) {}

    result<boot_state> state() const {
        BERTH_TRY(text, read_text(at_ / "boot.json"));
        BERTH_TRY(members, wire::parse_json_object(text));
        firmware::reader in(members, "boot state");
        boot_state out{in.word("running"), in.word("active"), {}, in.number("boots", 1)};
        out.trial = in.has("trial") ? in.word("trial") : "";
        BERTH_CHECK(in.done());
        BERTH_CHECK(is_slot(out.running, at_.string()));
        return out;
    }
    result<void> keep(const boot_state& s) const {
        json::object out{{"running", s.running}, {"active", s.active}, {"boots", s.boots}};
        if (!s.trial.empty()) {
            out["trial"] = s.trial;
        }
        return write_text(at_ / "boot.json", wire::to_text(out) + "\n");
    }

    result<firmware::place> current() override {
        BERTH_TRY(s, state());
        return firmware::place{s.running, fmt::format("boot-{}", s.boots)};
    }

    result<void> write(const std::string& slot, const std::string& component, const checked_image& image,
                       const still_wanted& go_on) override {
        const auto below = at_ / slot, to = below / component, part = below / (component + ".part");
        BERTH_CHECK(make_directory(below));
        const descriptor in(::open(image.path().c_str(), O_RDONLY | O_CLOEXEC));
        if (!in) {
            return cannot("read", image.path());
        }
        descriptor out(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        if (!out) {
            return cannot("write", part);
        }
        BERTH_CHECK(read_through(in, image.what().size, &out, image.path(), part, go_on));
        BERTH_FAULT_POINT("slot_half_written");
        if (::fsync(out.get()) != 0 || !out.close()) {
            return cannot("write", part);
        }
        BERTH_CHECK(check_image(part, image.what(), go_on));
        if (::rename(part.c_str(), to.c_str()) != 0) {
            return cannot("write", to);
        }
        return sync_directory(below);
    }
    result<void> activate(const std::string& slot) override {
        BERTH_TRY(s, state());
        s.trial = slot;
        return keep(s);
    }
    result<void> confirm(const std::string& slot) override {
        BERTH_TRY(s, state());
        s.active = slot;
        s.trial.clear();
        return keep(s);
    }
    result<void> revert(const std::string& slot) override {
        BERTH_TRY(s, state());
        s.active = other_slot(slot);
        s.trial.clear();
        return keep(s);
    }
    result<std::optional<fs::path>> image_of(const std::string& slot, const std::string& component) override {
        const auto path = at_ / slot / component;
        BERTH_TRY(there, is_there(path));
        return there ? std::optional(path) : std::nullopt;
    }

private:
    fs::path at_;
};

class program final : public slots {
public:
    explicit program(fs::path at) : at_(std::move(at)) {}

    result<firmware::place> current() override {
        BERTH_TRY(said, run({"current"}));
        const auto space = said.find(' ');
        firmware::place out{said.substr(0, space), space == std::string::npos ? "" : said.substr(space + 1)};
        BERTH_CHECK(is_slot(out.slot, at_.string()));
        if (out.boot.empty()) {
            BERTH_TRY(boot, read_text("/proc/sys/kernel/random/boot_id"));
            out.boot = boot.substr(0, boot.find('\n'));
        }
        return out;
    }
    result<void> write(const std::string& slot, const std::string& component, const checked_image& image,
                       const still_wanted& go_on) override {
        BERTH_CHECK(
            run({"write", slot, component, fs::absolute(image.path()).string(), std::to_string(image.what().size)}, go_on));
        BERTH_TRY(there, image_of(slot, component));
        if (there) {
            BERTH_CHECK(check_image(*there, image.what(), go_on));
        }
        return {};
    }
    result<void> activate(const std::string& slot) override { return done(run({"activate", slot})); }
    result<void> confirm(const std::string& slot) override { return done(run({"confirm", slot})); }
    result<void> revert(const std::string& slot) override { return done(run({"revert", slot})); }
    result<std::optional<fs::path>> image_of(const std::string& slot, const std::string& component) override {
        BERTH_TRY(said, run({"image", slot, component}));
        return said.empty() ? std::nullopt : std::optional(fs::path(said));
    }

private:
    static result<void> done(const result<std::string>& r) { return r ? result<void>{} : fail(r.error()); }
    // Its first line.
    result<std::string>
    run(const std::vector<std::string>& words, const still_wanted& go_on = [] { return result<void>{}; }) const {
        BERTH_TRY(child, child_process::start(at_, words));
        std::vector<std::string> output, errors;
        while (!child.ended()) {
            BERTH_CHECK(go_on());
            poll_children({&child}, 200);
            for (auto* const lines : {&output, &errors}) {
                for (auto& line : lines == &output ? child.take_output_lines() : child.take_error_lines()) {
                    if (lines->size() < 20) {
                        lines->push_back(line.substr(0, 4096));
                    }
                }
            }
        }
        const int code = child.exit_code().value_or(-1);
        if (code != 0) {
            return fail(error{error_category::environment,
                              "hook_failed",
                              fmt::format("{} {} ended with {}: {}", at_.string(), fmt::join(words, " "), code,
                                          errors.empty() ? "it said nothing" : errors.back()),
                              {{"word", words[0]}, {"exit", std::to_string(code)}}});
        }
        return output.empty() ? std::string() : output.front();
    }
    fs::path at_;
};

}  // namespace

result<slots_ptr> directory_slots(const fs::path& directory_path) {
    auto out = std::make_unique<directory>(directory_path);
    BERTH_TRY(there, is_there(directory_path / "boot.json"));
    if (!there) {
        BERTH_CHECK(make_directory(directory_path / "a"));
        BERTH_CHECK(make_directory(directory_path / "b"));
        BERTH_CHECK(out->keep({}));
    }
    return slots_ptr(std::move(out));
}

result<std::string> boot_directory(const fs::path& directory_path) {
    const directory at(directory_path);
    BERTH_TRY(s, at.state());
    s.running = s.trial.empty() ? s.active : s.trial;
    s.trial.clear();
    ++s.boots;
    BERTH_CHECK(at.keep(s));
    return s.running;
}

result<slots_ptr> program_slots(const fs::path& program_path) {
    BERTH_TRY(path, absolute_path(program_path));
    if (::access(path.c_str(), X_OK) != 0) {
        return cannot("run", path);
    }
    return slots_ptr(std::make_unique<program>(path));
}

}  // namespace berth::app
