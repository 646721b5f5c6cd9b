// Arms that are measured by turns, so that what else goes on in the machine hits all of them alike.
#pragma once

#include "hub/world.h"

#include <functional>

namespace berth::hub::bench {

double median(std::vector<double> values);
// Of sorted values.
double at_share(const std::vector<double>& sorted, double share);

// What one turn of one arm found out, of each operation.
struct turn {
    double per_second = 0;
    double cpu_ms = 0;  // of the server
};

// `rounds` times each arm, the order turned round each time; one turn of each before that is not counted.
struct arm {
    std::string name;
    std::function<turn()> play;
    std::vector<turn> turns = {};

    [[nodiscard]] double middle(double turn::* what) const;
};
void play_rounds(std::vector<arm>& arms, int rounds);

// The median of the rounds' own ratios of `a` to `b`, the least and the most.
struct ratio {
    double middle = 0, least = 0, most = 0;
};
ratio ratio_of(const arm& a, const arm& b, double turn::* what);
std::string to_text(const ratio& r);

// `threads` call `work` with what they are to do next, until `count` are done or one has failed, which ends the program.
// Returns seconds by the clock.
double in_parallel(size_t threads, size_t count, const std::function<result<void>(size_t)>& work);

// One turn of logins, one after the other in four threads.
class broker;
turn connect_turn(const world& in, const broker& to, const std::vector<std::string>& names,
                  const std::vector<pki::certificate>& leaves);

// The parts. Each prints its table.
void connect_part(const world& in, int rounds);
void publish_part(const world& in, int rounds);
void lookup_part(const world& in, int rounds);
void import_part(const world& in);
void place_part(const world& in, int rounds);
void cut_part(const world& in);
void behaviour_part(const world& in, int rounds);
void telemetry_part(const world& in, int rounds);
void upload_part(const world& in, int rounds);
void memory_part(const world& in);

}  // namespace berth::hub::bench
