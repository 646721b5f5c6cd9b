// Files of 20 MiB over the same TLS: to berthd in blocks of 4 MiB and a list, as Azure's SDK puts them, and to nginx by one PUT.
// Each file has a connection of its own. What berthd has answered has reached the disk (fsync); nginx leaves that to the system.
#include "hub/brokers.h"
#include "hub/nginx.h"
#include "hub/rounds.h"

#include "wire/base64.h"
#include "wire/json.h"

namespace berth::hub::bench {

namespace {

constexpr size_t block = size_t{4} * 1024 * 1024, blocks = 5, files = 8, at_once = 2;
constexpr double mega = static_cast<double>(block * blocks) / 1e6;

void expect(const http_answer& said, const char* what) {
    if (said.status / 100 != 2) {
        must(fail(error_category::environment, "bench_failed", fmt::format("{}: {} {}", what, said.status, said.body)));
    }
}

class uploads {
public:
    uploads(const world& in, const whole_service& to, const nginx* beside, std::string device)
        : world_(in),
          to_(to),
          beside_(beside),
          device_(std::move(device)),
          leaf_(in.certify(device_)),
          https_(to.port("https")),
          content_(block, 'x') {
        uint32_t state = 1;
        for (char& c : content_) {
            state = state * 1'664'525U + 1'013'904'223U;
            c = static_cast<char>(state >> 24);
        }
        for (size_t i = 0; i < blocks; ++i) {
            whole_ += content_;
        }
        for (size_t i = 0; i < files; ++i) {
            targets_.push_back(begin(fmt::format("file-{}", i)));
        }
    }

    turn to_berthd() {
        return play(to_.pid(), [this](size_t i) { return put_blocks(i); });
    }
    turn to_nginx() {
        return play(beside_->pid(), [this](size_t i) { return put_whole(i); });
    }

private:
    // "/CONTAINER/DEVICE/NAME?TOKEN"
    std::string begin(const std::string& name) {
        auto over = got(connection::open(world_.client, leaf_, https_));
        const auto said =
            got(ask(over, "POST", "/devices/" + device_ + "/files", wire::to_text(wire::json::object{{"blobName", name}})));
        expect(said, "an upload did not begin");
        const auto told = got(wire::parse_json_object(said.body));
        return fmt::format("/{}/{}{}", got(wire::text_member(told, "containerName")), got(wire::text_member(told, "blobName")),
                           got(wire::text_member(told, "sasToken")));
    }
    result<void> put_blocks(size_t i) {
        BERTH_TRY(over, connection::open(world_.client, leaf_, https_));
        std::string list = "<BlockList>";
        for (size_t n = 0; n < blocks; ++n) {
            const auto id = wire::base64(as_bytes(fmt::format("block-{:03}", n)));
            BERTH_TRY(said, ask(over, "PUT", targets_[i] + "&comp=block&blockid=" + id, content_));
            expect(said, "a block was not put");
            list += "<Latest>" + id + "</Latest>";
        }
        BERTH_TRY(said, ask(over, "PUT", targets_[i] + "&comp=blocklist", list + "</BlockList>"));
        expect(said, "a list was not put");
        return {};
    }
    result<void> put_whole(size_t i) {
        BERTH_TRY(over, connection::open(world_.client, leaf_, beside_->port()));
        BERTH_TRY(said, ask(over, "PUT", fmt::format("/file-{}", i), whole_));
        expect(said, "nginx took no file");
        return {};
    }
    static turn play(pid_t server, const std::function<result<void>(size_t)>& one) {
        const double before = processor_seconds(server);
        const double took = in_parallel(at_once, files, one);
        const double all = mega * static_cast<double>(files);
        return {all / took, (processor_seconds(server) - before) * 1e3 / all};
    }

    const world& world_;
    const whole_service& to_;
    const nginx* beside_;
    std::string device_;
    pki::certificate leaf_;
    uint16_t https_;
    std::string content_, whole_;
    std::vector<std::string> targets_;
};

}  // namespace

void upload_part(const world& in, int rounds) {
    const auto hub = in.make_hub("uploading", 1'000);
    const whole_service service(in, hub);
    const auto beside = nginx::start(in);
    uploads all(in, service, beside ? &*beside : nullptr, in.names_in(1'000, 1).front());
    std::vector<arm> arms{{"berthd, in blocks, kept (fsync)", [&] { return all.to_berthd(); }}};
    if (beside) {
        arms.push_back({"nginx, one PUT", [&] { return all.to_nginx(); }});
    }
    play_rounds(arms, rounds);
    fmt::print(
        "| {} files of 20 MiB, {} at once | MB/s | ms of the server's CPU per MB | MB/s of nginx's, median [least to most] of {} "
        "rounds | CPU of nginx's |\n|---|---|---|---|---|\n",
        files, at_once, rounds);
    for (const auto& one : arms) {
        fmt::print("| {} | {:.0f} | {:.2f} | {} | {} |\n", one.name, one.middle(&turn::per_second), one.middle(&turn::cpu_ms),
                   beside ? to_text(ratio_of(one, arms.back(), &turn::per_second)) : "-",
                   beside ? to_text(ratio_of(one, arms.back(), &turn::cpu_ms)) : "-");
    }
    fmt::print("\n");
}

}  // namespace berth::hub::bench
