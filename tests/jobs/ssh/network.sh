# Sourced by ssh.sh --cut in a network namespace of its own: the servers get another one, at the
# other end of a cable that can be pulled.
ip link set lo up
unshare --net sleep 1000 &
hosts=$!
sleep .5
ip link add oko0 type veth peer name oko1
ip link set oko1 netns $hosts
ip addr add 10.78.0.1/24 dev oko0
ip link set oko0 up
nsenter -t $hosts -n sh -c \
  'ip link set lo up && ip addr add 10.78.0.2/24 dev oko1 && ip link set oko1 up'
export OKO_TEST_ADDRESS=10.78.0.2 OKO_TEST_INSIDE="nsenter -t $hosts -n"

# The job does not notice; who follows it sees nothing twice and misses nothing.
network_is_cut() {
  local follower why
  submit 350 seven a
  wait_for 60 has_line "$(on a seven)/logs/worker-0.log" "step 5"
  oko job logs -f seven >followed 2>complaints &
  follower=$!
  sleep 2
  is seven running || fail "seven is $(field seven state)"
  ip link set oko0 down
  sleep 20  # longer than ssh needs to notice
  # As it was seen last.
  is seven running || fail "seven is $(field seven state) without a network"
  oko job list | grep -q "^seven .*running .* ago" || fail "the list without a network: $(oko job list)"
  why=$(field seven fault)
  ip link set oko0 up
  wait_state seven succeeded 60
  wait_for 20 is_gone $follower || fail "logs -f does not end"
  cmp followed "$(on a seven)/logs/worker-0.log" || fail "logs -f over a cut network"
  echo "survived a cut of the network ($why; logs -f: $(cat complaints))"
}
