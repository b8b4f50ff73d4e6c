"""What a person sees of a run on a terminal, while the window changes, and after Ctrl-C."""

import re
import subprocess
import termios
import unittest

import support
from screen import Screen, Terminal
from support import PALS, PalsTest

TASKS = "rte,sst,mnli"
NAMES = TASKS.split(",")
TASK = re.compile(r"(rte |sst |mnli)  loss +(-|\d+\.\d{3})  score +(-|-?\d\.\d{3})  passes +(\d+\.\d) of +(\d+\.\d)")
TOTAL = re.compile(r"train  \[[#.]{20}\]  \d+%  ([\d,]+)/[\d,]+ steps  \S+ steps/s  (in )?\S+( left)?  [\d,]+ rows/s")


def steps_done(lines):
    """Of the last line that shows the whole run; 0 without one."""
    found = re.findall(r"(?m)^train  .*?([\d,]+)/[\d,]+ st", "\n".join(lines))
    return int(found[-1].replace(",", "")) if found else 0


class Emulator(unittest.TestCase):
    """The screen that the other tests look at."""

    def test_lines_are_wrapped_and_rewritten(self):
        screen = Screen(4, 10)
        screen.feed("one\r\n0123456789ab\r\nlast\r\n")
        self.assertEqual(screen.lines(), ["one", "0123456789ab", "last", ""])
        self.assertEqual((screen.y, screen.top), (4, 1))
        screen.feed("\r\x1b[1")
        screen.feed("Anew\x1b[K\r\n\x1b[J")
        self.assertEqual(screen.lines(), ["one", "0123456789ab", "new", ""])
        screen.feed("\x1b[99Atop")
        self.assertEqual(screen.lines()[1], "top3456789ab")
        self.assertRaises(AssertionError, screen.feed, "\x1b[2J")
        self.assertRaises(AssertionError, screen.feed, "\x1b[?25l")

    def test_other_widths(self):
        screen = Screen(10, 10)
        screen.feed("0123456789abc\r\n")
        screen.resize(10, 4)
        self.assertEqual([len(row.characters) for row in screen.buffer], [4, 4, 4, 1, 0])
        self.assertEqual((screen.lines(), screen.y, screen.x), (["0123456789abc", ""], 4, 0))
        screen.resize(10, 20)
        self.assertEqual((len(screen.buffer), screen.y), (2, 1))
        old = Screen(10, 10, reflow=False)
        old.feed("0123456\r\n")
        old.resize(10, 4)
        self.assertEqual((old.lines(), old.y), (["0123", ""], 1))


class OnATerminal(PalsTest):
    def start(self, run, *flags, rows=24, columns=100, term="xterm", reflow=True):
        command = [PALS] + [str(word) for word in self.train_arguments(run, *flags, tasks=TASKS)]
        return Terminal(command, dict(support.environment(), TERM=term), rows, columns, reflow)

    def wait_for_steps(self, terminal, least):
        done = terminal.wait_for(lambda lines: steps_done(lines) >= least and steps_done(lines))
        self.assertIsNotNone(done, "the run was over too soon")
        return done

    def watch_while_the_window_changes(self, terminal):
        """The lines above the tasks, and all lines at the end."""
        self.wait_for_steps(terminal, 1)
        first = terminal.screen.lines()
        for columns in 60, 30, 7, 45, 130, 100:
            drawn = terminal.screen.draws
            terminal.resize(24, columns)
            self.assertTrue(terminal.wait_for(lambda _: terminal.screen.draws > drawn + 1), "the run was over too soon")
        self.assertEqual(terminal.finish(), 0)
        return first[:next(i for i, line in enumerate(first) if TASK.match(line))], terminal.screen.lines()

    def test_a_line_for_each_task_and_a_total(self):
        terminal = self.start("run", "--max_steps", "6000", "--num_train_epochs", "4", "--sample", "anneal")
        said, lines = self.watch_while_the_window_changes(terminal)
        self.assertEqual(lines[:len(said)], said)  # no line above was touched
        tasks = [match for match in map(TASK.fullmatch, lines) if match]
        self.assertEqual([match[1].strip() for match in tasks], NAMES, "\n".join(lines))
        for _, _, score, passes, planned in (match.groups() for match in tasks):
            self.assertNotEqual(score, "-")
            self.assertEqual(passes, planned)
        totals = [line for line in lines if line.startswith("train")]
        self.assertEqual(len(totals), 1, "\n".join(lines))
        self.assertRegex(totals[0], TOTAL)
        self.assertIn("100%  6,000/6,000 steps", totals[0])
        self.assertEqual(len([line for line in lines if line.startswith("evaluate")]), 4, "\n".join(lines))

    def test_a_terminal_that_cuts_lines(self):
        terminal = self.start("run", "--max_steps", "6000", "--num_train_epochs", "1", reflow=False)
        _, lines = self.watch_while_the_window_changes(terminal)
        for name in NAMES:
            self.assertEqual(len([line for line in lines if re.match(name + " +loss", line)]), 1, "\n".join(lines))
        self.assertEqual(len([line for line in lines if line.startswith("train")]), 1, "\n".join(lines))

    def test_a_low_window_shows_the_tasks_trained_last(self):
        for rows in 3, 4:
            with self.subTest(rows=rows):
                terminal = self.start("run%d" % rows, "--max_steps", "1000", "--num_train_epochs", "1", rows=rows)
                shown = terminal.wait_for(lambda lines: len(lines) >= rows and TOTAL.fullmatch(lines[-2])
                                          and lines[-rows:-2])
                self.assertEqual(len(shown), rows - 2)
                for line in shown:
                    self.assertRegex(line, TASK)
                self.assertEqual(terminal.finish(), 0)

    def test_a_narrow_window_leaves_out_what_does_not_fit(self):
        terminal = self.start("run", "--max_steps", "1000", "--num_train_epochs", "1", columns=40)
        shown = terminal.wait_for(lambda lines: len(lines) > 4 and steps_done(lines) and lines[-5:-1])
        for line in shown[:3]:
            self.assertRegex(line, r"^\w+ +loss +(-|\d+\.\d{3})  score +(-|-?\d\.\d{3})$")
        self.assertRegex(shown[3], r"^train  \d+%  [\d,]+/1,000 steps(  \S+ steps/s)?$")
        self.assertEqual(terminal.finish(), 0)

    def test_ctrl_c_saves_and_says_how_to_go_on(self):
        flags = ["--max_steps", "6000", "--num_train_epochs", "2", "--sample", "anneal"]
        terminal = self.start("run", *flags)
        done = self.wait_for_steps(terminal, 50)
        terminal.type("\x03")
        terminal.wait_for(lambda lines: any(line.startswith("pals: ") for line in lines))
        self.assertTrue(any(line.startswith("stopping after this step") for line in terminal.screen.lines()))
        self.assertEqual(termios.tcgetattr(terminal.master), terminal.modes)
        self.assertEqual(terminal.finish(), 130)
        screen = terminal.screen
        lines = screen.lines()
        stopped = re.fullmatch(r"pals: stopped at step (\d+); the same command goes on from there", lines[-2])
        self.assertTrue(stopped, "\n".join(lines))
        self.assertEqual((lines[-1], screen.x, screen.y), ("", 0, len(screen.buffer) - 1))
        self.assertNotIn("^C", "\n".join(lines))
        step = int(stopped[1])
        self.assertGreaterEqual(step, done)
        self.assertEqual(steps_done(lines), step)
        self.assertEqual([TASK.fullmatch(line)[1].strip() for line in lines[-3 - len(NAMES):-3]], NAMES)
        # The same command goes on from there, with the passes of before.
        again = self.start("run", *flags)
        self.wait_for_steps(again, step + 1)
        passes = sum(float(match[4]) for match in map(TASK.match, again.screen.lines()) if match)
        before = sum(float(match[4]) for match in map(TASK.match, lines) if match)
        self.assertGreaterEqual(passes, before)
        self.assertIn(f"going on at step {step} of 6000", again.screen.lines())
        again.type("\x03")
        self.assertEqual(again.finish(), 130)

    def test_elsewhere_lines_are_plain(self):
        terminal = self.start("run", "--max_steps", "6", term="dumb")
        terminal.screen.feed = lambda text: self.assertNotIn("\x1b", text)
        self.assertEqual(terminal.finish(), 0)
        result = subprocess.run([PALS, *self.train_arguments("piped", "--max_steps", "6", tasks=TASKS)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True,
                                env=dict(support.environment(), TERM="xterm"))
        self.assertNotIn("\x1b", result.stderr)
        lines = [line for line in result.stderr.splitlines() if line.startswith("train  ")]
        self.assertRegex(lines[-1], r"^train  100%  6/6 steps  \S+ (steps/s|s/step)  in \d+:\d\d  loss \d\.\d{3}$")


if __name__ == "__main__":
    unittest.main()
