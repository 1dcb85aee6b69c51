#include "oko/runtime/governor.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace oko::runtime {
namespace {

using Answer = Governor::Answer;

// A camera and a phone whose detection takes as long as `seconds` says for each size.
struct Phone {
  Governor governor;
  std::vector<double> seconds;
  double frame_rate = 30, now = 100;
  double busy_until = 0;
  int waiting = -1, running = -1;  // sizes
  int taken = 0, rate = 0, heat = 0, looked = 0;
  std::vector<std::string> words{};

  void run_until(double end) {
    for (; now < end; now += 1 / frame_rate) {
      finish(now);
      const Answer answer = governor.ask(now, now, running >= 0);
      taken += answer == Answer::kTake;
      rate += answer == Answer::kRate;
      heat += answer == Answer::kHeat;
      if (answer != Answer::kTake) continue;
      waiting = governor.size();
      if (running < 0) start(now);
    }
  }
  void start(double at) {
    running = waiting;
    waiting = -1;
    busy_until = at + seconds[static_cast<std::size_t>(running)];
  }
  void finish(double at) {
    while (running >= 0 && busy_until <= at) {
      ++looked;
      const std::string said =
          governor.finished(running, seconds[static_cast<std::size_t>(running)], busy_until);
      if (!said.empty()) words.push_back(said);
      const double free = busy_until;
      running = -1;
      if (waiting >= 0) start(free);
    }
  }
};

TEST(Governor, TakesEveryFrameWithoutLimits) {
  Phone phone{Governor({}), {.01}};
  phone.run_until(110);
  EXPECT_EQ(phone.rate + phone.heat, 0);
  EXPECT_NEAR(phone.looked, 300, 2);
  EXPECT_NEAR(phone.governor.frames_per_second(phone.now), 30, 1);
  EXPECT_TRUE(phone.words.empty());
}

TEST(Governor, KeepsToARateThatTheCameraDoesNotDivide) {
  for (const double wanted : {1., 4., 7., 10., 12.5, 20., 24., 29., 30., 60.}) {
    Phone phone{Governor({.frames_per_second = wanted}), {.001}};
    phone.run_until(120);
    EXPECT_NEAR(phone.looked / 20., std::min(wanted, 30.), .06 * wanted) << wanted;
  }
}

TEST(Governor, KeepsToARateWhereFramesAreIrregular) {
  Governor governor({.frames_per_second = 10});
  int taken = 0;
  for (int i = 0; i < 600; ++i) {
    const double time = i / 30. + (i % 3 - 1) * .008;
    taken += governor.ask(time, time, false) == Answer::kTake;
  }
  EXPECT_NEAR(taken, 200, 6);
}

TEST(Governor, UsesASmallerInputWhereTheBudgetDemandsIt) {
  Phone phone{Governor({.budget = .04, .costs = {4, 2, 1}}), {.1, .055, .03}};
  phone.run_until(110);
  EXPECT_EQ(phone.governor.size(), 2);
  ASSERT_EQ(phone.words.size(), 2U);
  EXPECT_EQ(phone.words[0],
            "a frame takes 100.0 ms, more than the budget of 40.0 ms: a smaller input is used");
  EXPECT_FALSE(phone.governor.over_budget());
}

TEST(Governor, SaysSoWhereEvenTheSmallestIsTooSlow) {
  Phone phone{Governor({.budget = .04, .costs = {2, 1}}), {.2, .1}};
  phone.run_until(110);
  EXPECT_EQ(phone.governor.size(), 1);
  EXPECT_TRUE(phone.governor.over_budget());
  EXPECT_EQ(phone.words.size(), 2U);  // once for each
}

TEST(Governor, ReturnsToTheLargerInputWhenItFits) {
  Phone phone{Governor({.budget = .04, .costs = {2, 1}}), {.06, .03}};
  phone.run_until(105);
  EXPECT_EQ(phone.governor.size(), 1);
  phone.seconds = {.03, .015};  // the phone was busy with something else
  phone.run_until(110);
  EXPECT_EQ(phone.governor.size(), 0);
}

TEST(Governor, TriesLessAndLessOftenWhatDoesNotFit) {
  // By its cost the larger input should fit, but it does not.
  Phone phone{Governor({.budget = .04, .costs = {1.2, 1}}), {.05, .02}};
  phone.run_until(220);
  int tries = 0;
  for (const std::string& words : phone.words) tries += words.find("larger") != std::string::npos;
  EXPECT_GE(tries, 3);
  EXPECT_LE(tries, 8);
}

TEST(Governor, DoesNotMindOneSlowFrame) {
  Governor governor({.budget = .04, .costs = {2, 1}});
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(governor.finished(0, i % 10 == 0 ? .2 : .02, i * .1), "");
  }
  EXPECT_EQ(governor.size(), 0);
}

TEST(Governor, LetsAHotPhoneRest) {
  struct Expected {
    Heat heat;
    double working;  // share of the time
  };
  for (const Expected& e : {Expected{Heat::kNominal, 1}, Expected{Heat::kFair, .5},
                            Expected{Heat::kSerious, .25}, Expected{Heat::kCritical, .1}}) {
    Phone phone{Governor({}), {.1}};
    phone.governor.set_heat(e.heat, phone.now);
    phone.run_until(130);
    EXPECT_NEAR(phone.looked * .1 / 30, e.working, .12 * e.working + .01);
    EXPECT_LE(phone.looked * .1 / 30, e.working + .01);
  }
}

TEST(Governor, UsesSmallerInputsWhileThePhoneIsHot) {
  Phone phone{Governor({.costs = {4, 2, 1}}), {.04, .02, .01}};
  phone.run_until(101);
  EXPECT_EQ(phone.governor.set_heat(Heat::kSerious, phone.now),
            "the phone is hot: fewer frames and a smaller input");
  EXPECT_EQ(phone.governor.size(), 1);
  phone.governor.set_heat(Heat::kCritical, phone.now);
  EXPECT_EQ(phone.governor.size(), 2);
  EXPECT_EQ(phone.governor.set_heat(Heat::kCritical, phone.now), "");
  phone.governor.set_heat(Heat::kNominal, phone.now);
  EXPECT_EQ(phone.governor.size(), 0);
}

TEST(Governor, NeverRestsLessWhenThePhoneIsHotter) {
  for (const double seconds : {.05, .3, .6, 1.2}) {
    double before = 1;
    for (const Heat heat : {Heat::kFair, Heat::kSerious, Heat::kCritical}) {
      Phone phone{Governor({}), {seconds}};
      phone.governor.set_heat(heat, phone.now);
      phone.run_until(160);
      const double working = phone.looked * seconds / 60;
      EXPECT_LE(working, before + .03) << seconds;
      before = working;
    }
  }
}

TEST(Governor, KeepsToTheRateAfterAPause) {
  for (const double rate : {1., 5., 15.}) {
    for (const double pause : {1., 60., 3600.}) {
      Governor governor({.frames_per_second = rate});
      double time = 0;
      const auto taken_in = [&](double seconds) {
        int taken = 0;
        for (const double end = time + seconds; time < end; time += 1. / 30) {
          taken += governor.ask(time, time, false) == Answer::kTake;
        }
        return taken;
      };
      taken_in(5);
      time += pause;
      for (int second = 0; second < 5; ++second) {
        EXPECT_NEAR(taken_in(1), rate, 1.01) << rate << " after " << pause;
      }
    }
  }
}

TEST(Governor, ReturnsToTheInputFromBeforeTheHeat) {
  // It fits into the budget, though with less room than a larger input is tried for.
  Phone phone{Governor({.budget = .04, .costs = {2, 1}}), {.036, .018}};
  phone.run_until(103);
  EXPECT_EQ(phone.governor.size(), 0);
  phone.governor.set_heat(Heat::kSerious, phone.now);
  phone.run_until(106);
  EXPECT_EQ(phone.governor.size(), 1);
  EXPECT_EQ(phone.governor.set_heat(Heat::kFair, phone.now), "the phone is cooler: a larger input");
  phone.governor.set_heat(Heat::kNominal, phone.now);
  phone.run_until(110);
  EXPECT_EQ(phone.governor.size(), 0);
}

TEST(Governor, KnowsNothingOfOtherModels) {
  Phone phone{Governor({.budget = .04, .costs = {2, 1}}), {.1, .02}};
  phone.run_until(102);
  EXPECT_EQ(phone.governor.size(), 1);
  phone.governor.restart({1});
  EXPECT_EQ(phone.governor.size(), 0);
  EXPECT_EQ(phone.governor.frame_seconds(), 0);
}

}  // namespace
}  // namespace oko::runtime
