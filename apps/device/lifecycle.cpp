#include "device/lifecycle.h"

#include "base/log.h"
#include "common/append.h"
#include "common/files.h"
#include "device/installation.h"
#include "wire/json.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;
using registry::life_entry;
using registry::life_phase;
using registry::life_step;

namespace {

constexpr const char* file_name = "lifecycle.log";
constexpr size_t most_text = 1'000;  // octets of a field

std::string to_line(const life_entry& e) {
    return wire::to_text(wire::json::object{{"number", e.number},
                                            {"at", e.at},
                                            {"step", std::string(registry::to_string(e.step))},
                                            {"about", e.about},
                                            {"id", e.id},
                                            {"hash", to_hex(e.hash)}}) +
           "\n";
}

result<life_entry> from_line(std::string_view line) {
    BERTH_TRY(object, wire::parse_json_object(line));
    life_entry e;
    BERTH_TRY(number, wire::integer_member(object, "number"));
    BERTH_TRY(at, wire::integer_member(object, "at"));
    BERTH_TRY(step, wire::text_member(object, "step"));
    BERTH_TRY(about, wire::text_member(object, "about"));
    BERTH_TRY(id, wire::text_member(object, "id"));
    BERTH_TRY(hash, wire::text_member(object, "hash"));
    BERTH_TRY(octets, from_hex(hash));
    const auto known = registry::life_step_from(step);
    if (!known || octets.size() != e.hash.size() || number < 1) {
        return fail(error_category::environment, "history_altered", "a line of the history is none of ours");
    }
    e.number = static_cast<uint64_t>(number);
    e.at = at;
    e.step = *known;
    e.about = about;
    e.id = id;
    e.hash = to_array<32>(octets);
    return e;
}

// Half a line at the end, as a loss of power leaves it, was never written. Says where the last whole line ends.
life_history parse(std::string_view text, size_t& whole) {
    life_history out;
    whole = 0;
    for (size_t end = 0; (end = text.find('\n', whole)) != std::string_view::npos; whole = end + 1) {
        auto e = from_line(text.substr(whole, end - whole));
        if (!e) {
            out.altered = error{error_category::environment,
                                "history_altered",
                                fmt::format("line {} of {} is none that was written", out.entries.size() + 1, file_name),
                                {{"number", std::to_string(out.entries.size() + 1)}}};
            continue;
        }
        out.entries.push_back(std::move(*e));
    }
    if (const auto fits = registry::check_history(out.entries); !fits && !out.altered) {
        out.altered = fits.error();
    }
    return out;
}

life_entry entry_after(const life_history& h, life_step step, std::string about, std::string id, unix_seconds at) {
    about.resize(std::min(about.size(), most_text));
    life_entry e{h.entries.size() + 1, at, step, std::move(about), std::move(id), {}};
    if (!h.entries.empty()) {
        e.number = h.entries.back().number + 1;
        e.at = std::max(at, h.entries.back().at);  // a clock that was set back does not turn its order round
    }
    e.hash = registry::hash_of(e, h.head());
    return e;
}

// The history, held by who adds to it.
class open_history {
public:
    static result<open_history> open(const fs::path& bundle) {
        open_history out;
        out.file_ = bundle / file_name;
        out.fd_ = ::open(out.file_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (out.fd_ < 0 || ::flock(out.fd_, LOCK_EX) != 0) {
            return cannot("open", out.file_);
        }
        BERTH_TRY(text, read_text(out.file_));
        out.history = parse(text, out.size_);
        if (out.size_ < text.size() && ::ftruncate(out.fd_, static_cast<off_t>(out.size_)) != 0) {
            return cannot("write", out.file_);
        }
        return out;
    }
    open_history(open_history&& other) noexcept
        : history(std::move(other.history)),
          file_(std::move(other.file_)),
          fd_(std::exchange(other.fd_, -1)),
          size_(other.size_) {}
    open_history& operator=(open_history&&) = delete;
    ~open_history() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    result<void> add(life_step step, std::string about, std::string id, unix_seconds at) {
        life_entry e = entry_after(history, step, std::move(about), std::move(id), at);
        const std::string line = to_line(e);
        BERTH_CHECK(append_durably(fd_, line, size_, file_));
        size_ += line.size();
        history.entries.push_back(std::move(e));
        return history.entries.size() == 1 ? sync_directory(file_.parent_path()) : result<void>{};
    }

    life_history history;

private:
    open_history() = default;
    fs::path file_;
    int fd_ = -1;
    size_t size_ = 0;
};

// The newest entry with this step since the device was last nobody's.
const life_entry* newest(const life_history& h, life_step step) {
    for (size_t i = h.entries.size(); i-- > 0;) {
        const auto& e = h.entries[i];
        if (e.step == step) {
            return &e;
        }
        if (e.step == life_step::reset || e.step == life_step::decommissioned) {
            break;
        }
    }
    return nullptr;
}

// The last one of all with this step.
const life_entry* last(const life_history& h, life_step step) {
    const auto found = std::find_if(h.entries.rbegin(), h.entries.rend(), [&](const auto& e) { return e.step == step; });
    return found == h.entries.rend() ? nullptr : &*found;
}

// Whether every credential that is to be kept has been issued once; none need be kept. Which they are stands in est.toml; here
// what is on disk will do: none, while there is an est.toml, is not enough.
bool has_what_is_kept(const fs::path& bundle) {
    std::error_code ec;
    if (!fs::exists(bundle / "est.toml", ec)) {
        return true;
    }
    for (const auto& each : fs::directory_iterator(bundle / "credentials", ec)) {
        if (fs::exists(each.path() / "current" / "certificate.pem", ec)) {
            return true;
        }
    }
    return false;
}

struct missing_step {
    life_step step;
    std::string about, id;
    std::optional<unix_seconds> at = {};  // absent: now
};

// The next step that the bundle shows and the history lacks.
result<std::optional<missing_step>> next_missing(const device_bundle& bundle, const life_history& h) {
    const fs::path& directory = bundle.directory;
    if (h.entries.empty()) {
        // Whoever made it may have kept no history: its birth certificate tells when.
        BERTH_TRY(birth, read_certificate(directory / "z3.pem"));
        return missing_step{life_step::made, bundle.model, to_hex(birth.sha256()), birth.not_before()};
    }
    const life_phase phase = h.phase();
    if (phase == life_phase::decommissioned) {
        return std::nullopt;  // what is still there is being wiped
    }
    const installation there(bundle);
    BERTH_TRY(ldevid, is_there(directory / "ldevid.pem"));
    if (ldevid) {
        BERTH_TRY(leaf, read_certificate(directory / "ldevid.pem"));
        const std::string id = to_hex(leaf.sha256());
        const auto* const known = last(h, life_step::certified);
        if (known == nullptr || known->id != id) {
            return missing_step{life_step::certified, leaf.issuer(), id};
        }
    }
    const auto* const onboarded = newest(h, life_step::onboarded);
    if (there.present()) {
        BERTH_TRY(state, there.state());
        if (onboarded == nullptr || onboarded->id != to_hex(state.kk3_id)) {
            // Somebody has onboarded it anew without a word in between.
            return onboarded ? missing_step{life_step::reset, onboarded->about, onboarded->id}
                             : missing_step{life_step::onboarded, state.customer, to_hex(state.kk3_id)};
        }
        if (phase == life_phase::provisioning && state.reported && has_what_is_kept(directory)) {
            return missing_step{life_step::operational, state.customer, to_hex(state.kk3_id)};
        }
        return std::nullopt;
    }
    if (onboarded != nullptr) {
        return missing_step{life_step::reset, onboarded->about, onboarded->id};
    }
    BERTH_TRY(asking, is_there(directory / "pending" / "registrar"));
    if (asking && (phase == life_phase::manufacturing || phase == life_phase::reassignment)) {
        return missing_step{life_step::asked, "", ""};
    }
    return std::nullopt;
}

unix_seconds now_of(const device_bundle& bundle, const clock& time) {
    return std::max(bundle.earliest(), bundle.has_clock ? time.now() : 0);
}

result<life_history> catch_up(open_history& open, const device_bundle& bundle, const clock& time) {
    for (;;) {
        BERTH_TRY(missing, next_missing(bundle, open.history));
        if (!missing) {
            return open.history;
        }
        BERTH_CHECK(open.add(missing->step, missing->about, missing->id, missing->at.value_or(now_of(bundle, time))));
    }
}

}  // namespace

unix_seconds life_history::since() const {
    life_phase at = life_phase::supply_chain;
    unix_seconds began = 0;
    for (const auto& e : entries) {
        const auto next = registry::phase_after(at, e.step);
        if (next && (*next != at || began == 0)) {
            at = *next;
            began = e.at;
        }
    }
    return began;
}

bool life_history::unfinished() const {
    return !entries.empty() && entries.back().step == life_step::ending;
}

result<life_history> seen_life(const device_bundle& bundle, const clock& time) {
    BERTH_TRY(history, read_life(bundle.directory));
    for (;;) {
        BERTH_TRY(missing, next_missing(bundle, history));
        if (!missing) {
            return history;
        }
        history.entries.push_back(
            entry_after(history, missing->step, missing->about, missing->id, missing->at.value_or(now_of(bundle, time))));
        ++history.unwritten;
    }
}

result<life_history> read_life(const fs::path& bundle) {
    BERTH_TRY(there, is_there(bundle / file_name));
    if (!there) {
        return life_history{};
    }
    BERTH_TRY(text, read_text(bundle / file_name));
    size_t whole = 0;
    return parse(text, whole);
}

result<life_history> note_life(const device_bundle& bundle, const clock& time) {
    BERTH_TRY(open, open_history::open(bundle.directory));
    return catch_up(open, bundle, time);
}

void note_life_or_log(const device_bundle& bundle, const clock& time) {
    if (const auto noted = note_life(bundle, time); !noted) {
        log::failure("history_not_written", noted.error());
    }
}

result<life_history> add_step(const device_bundle& bundle, life_step step, const std::string& about, const clock& time) {
    BERTH_TRY(open, open_history::open(bundle.directory));
    BERTH_CHECK(catch_up(open, bundle, time));
    BERTH_CHECK(registry::phase_after(open.history.phase(), step));
    BERTH_CHECK(open.add(step, about, "", now_of(bundle, time)));
    return std::move(open.history);
}

result<void> require_alive(const device_bundle& bundle) {
    BERTH_TRY(history, read_life(bundle.directory));
    if (history.phase() != life_phase::decommissioned) {
        return {};
    }
    return fail(
        error{error_category::usage,
              "decommissioned",
              history.unfinished()
                  ? fmt::format("a decommission of {} was begun and has not ended: berth device lifecycle decommission "
                                "brings it to its end",
                                bundle.identity.serial)
                  : fmt::format("{} was decommissioned: berth device lifecycle recommission takes it back, if it is to have "
                                "another life",
                                bundle.identity.serial),
              {{"serial", bundle.identity.serial}}});
}

}  // namespace berth::app
