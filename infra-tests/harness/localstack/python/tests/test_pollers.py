import unittest

from calico_localstack.pollers import DEFAULT_POLLERS, pollers_of

QUEUE = "arn:aws:sqs:us-east-1:000000000000:runs"


class PollersTest(unittest.TestCase):
    def test_a_queue_has_as_many_as_it_may_have_batches_at_once(self):
        self.assertEqual(pollers_of({"EventSourceArn": QUEUE, "ScalingConfig": {"MaximumConcurrency": 12}}), 12)

    def test_a_queue_without_a_limit_has_those_that_aws_starts_with(self):
        self.assertEqual(pollers_of({"EventSourceArn": QUEUE}), DEFAULT_POLLERS)
        self.assertEqual(pollers_of({"EventSourceArn": QUEUE, "ScalingConfig": {}}), DEFAULT_POLLERS)

    def test_a_stream_keeps_its_one_poller(self):
        self.assertEqual(pollers_of({"EventSourceArn": "arn:aws:dynamodb:us-east-1:0:table/t/stream/s"}), 1)
        self.assertEqual(pollers_of({}), 1)
