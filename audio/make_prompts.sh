#!/bin/sh
# Makes the spoken prompts and the beep again: sh audio/make_prompts.sh [FOLDER]
#
# Needs flite (2.2) and sox; nothing else in botkit needs them. 16 kHz mono, 16 bits, RMS of the
# spoken part -20 dBFS, 50 ms of silence at both ends.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$here}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# level FILE: writes FILE's samples to $to at -20 dBFS RMS. The gain is measured on what is left
# after trimming, so a prompt with long pauses is no louder than the others.
level() {
    rms=$(sox "$work/trimmed.wav" -n stats 2>&1 | awk '/^RMS lev dB/ {print $4}')
    gain=$(awk -v r="$rms" 'BEGIN {printf "%.2f", -20 - r}')
    # -D: no dither, so that the files come out the same every time
    sox -D "$work/trimmed.wav" -r 16000 -c 1 -b 16 "$to/$1.wav" gain "$gain" pad 0.05 0.05
}

# say NAME VOICE TEXT
say() {
    # 0.92: a little faster than the voice's own pace, which is slow for a menu
    flite -voice "$2" --setf duration_stretch=0.92 -t "$3" "$work/raw.wav"
    sox -D "$work/raw.wav" "$work/trimmed.wav" \
        silence 1 0.02 0.1% reverse silence 1 0.02 0.1% reverse
    level "$1"
}

say welcome        slt "Welcome to the Oak Street clinic."
say menu           slt "For appointments, press 1. For opening hours, press 2. To leave a message, press 3."
say enter_pin      slt "Please enter your four digit pin."
say wrong_pin      slt "That pin is not right. Please try again."
say pin_accepted   slt "Thank you. Your appointment is booked."
say too_many_tries slt "Sorry, that was one try too many."
say opening_hours  slt "We are open from nine to five, Monday to Friday."
say leave_message  slt "Please leave a message after the tone."
say message_saved  slt "Thank you. Your message is saved."
say wrong_choice   slt "Sorry, that is not on the menu."
say goodbye        slt "Goodbye."
say hold_on        slt "Please hold on."
say hello          rms "Hello?"
say caller_message rms "Hello, this is Sam Brown. Please call me back."

# The beep after which a caller may speak: 1000 Hz, 300 ms, with soft edges.
sox -D -n -r 16000 -c 1 -b 16 "$work/trimmed.wav" synth 0.3 sine 1000 fade h 0.01 0.3 0.01
level beep
