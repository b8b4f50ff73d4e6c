"""The estimators under scikit-learn's own tools."""

import copy
import os
import pickle
import random
import unittest

import numpy as np
import pals
from common import PythonTest, support
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

GENERATOR = random.Random(1)
LABELS = ["good", "bad"] * 40
TEXTS = [support.sentence(GENERATOR, support.GOOD if label == "good" else support.BAD) for label in LABELS]


class Estimators(PythonTest):
    def classifier(self, **changes):
        return pals.PalsClassifier(self.model, **{"num_train_epochs": 8, "learning_rate": 1e-3, "max_seq_length": 32,
                                                  "train_batch_size": 8, "precision": "fp32", "threads": 1, **changes})

    def test_classifier(self):
        classifier = self.classifier().fit(TEXTS, LABELS)
        self.assertEqual(list(classifier.classes_), ["bad", "good"])
        self.assertGreater(classifier.score(TEXTS, LABELS), 0.9)
        probabilities = classifier.predict_proba(TEXTS[:5])
        self.assertEqual(probabilities.shape, (5, 2))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
        self.assertTrue(is_classifier(classifier))

    def test_labels_of_other_types(self):
        for labels in np.array([int(label == "good") for label in LABELS]), [label == "good" for label in LABELS]:
            classifier = self.classifier(num_train_epochs=1).fit(np.array(TEXTS), labels)
            self.assertEqual(classifier.predict(TEXTS).dtype, np.asarray(labels).dtype)
        with self.assertRaisesRegex(pals.UsageError, "1 class"):
            self.classifier().fit(TEXTS, ["good"] * len(TEXTS))
        with self.assertRaisesRegex(ValueError, "inconsistent"):
            self.classifier().fit(TEXTS, LABELS[:-1])

    def test_pairs(self):
        pairs = [(text, "word1 word2") for text in TEXTS]
        classifier = self.classifier(num_train_epochs=1).fit(pairs, LABELS)
        self.assertEqual(len(classifier.predict(pairs)), len(pairs))

    def test_clone_and_copies(self):
        classifier = self.classifier(options={"warmup_proportion": 0.2})
        self.assertEqual(clone(classifier).get_params(), classifier.get_params())
        with self.assertRaises(NotFittedError):
            classifier.predict(TEXTS)
        classifier.fit(TEXTS, LABELS)
        wanted = classifier.predict_proba(TEXTS)
        folder = classifier.model_.folder
        for again in pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier):
            self.assertNotEqual(again.model_.folder, folder)
            np.testing.assert_array_equal(again.predict_proba(TEXTS), wanted)
        del again
        data = pickle.dumps(classifier)
        del classifier
        self.assertFalse(os.path.exists(folder))
        np.testing.assert_array_equal(pickle.loads(data).predict_proba(TEXTS), wanted)

    def test_the_same_seed_gives_the_same_model(self):
        one, other = (self.classifier(num_train_epochs=1).fit(TEXTS, LABELS).predict_proba(TEXTS) for _ in range(2))
        np.testing.assert_array_equal(one, other)

    def test_model_selection(self):
        scores = cross_val_score(self.classifier(num_train_epochs=4), TEXTS, LABELS, cv=2)
        self.assertEqual(scores.shape, (2,))
        search = GridSearchCV(self.classifier(num_train_epochs=2), {"learning_rate": [1e-5, 2e-3], "adapter": ["none", "lora"]}, cv=2)
        search.fit(TEXTS, LABELS)
        self.assertIn(search.best_params_["adapter"], ("none", "lora"))
        self.assertEqual(len(search.predict(TEXTS)), len(TEXTS))

    def test_many_processes(self):
        scores = cross_val_score(self.classifier(num_train_epochs=1), TEXTS, LABELS, cv=2, n_jobs=2)
        np.testing.assert_array_equal(scores, cross_val_score(self.classifier(num_train_epochs=1), TEXTS, LABELS, cv=2))

    def test_regressor(self):
        values = [4.5 if label == "good" else -1.0 for label in LABELS]
        regressor = pals.PalsRegressor(self.model, num_train_epochs=30, learning_rate=1e-3, max_seq_length=32,
                                       train_batch_size=8, precision="fp32", threads=1).fit(TEXTS, values)
        self.assertGreater(regressor.score(TEXTS, values), 0.5)
        self.assertTrue(is_regressor(regressor))
        with self.assertRaisesRegex(pals.UsageError, "finite"):
            regressor.fit(TEXTS, [float("nan")] * len(TEXTS))

    def test_embedder_in_a_pipeline(self):
        embedder = pals.PalsEmbedder(self.model, precision="fp32", threads=1)
        pipeline = make_pipeline(embedder, LogisticRegression(max_iter=1000))
        pipeline.fit(TEXTS, LABELS)
        wanted = pals.load(self.model, precision="fp32", threads=1).embed(TEXTS)
        np.testing.assert_array_equal(embedder.transform(TEXTS), wanted)
        again = pickle.loads(pickle.dumps(pipeline))
        np.testing.assert_array_equal(again.predict(TEXTS), pipeline.predict(TEXTS))
        self.assertEqual(len(pipeline[:-1].get_feature_names_out()), support.HIDDEN)
        search = GridSearchCV(pipeline, {"palsembedder__pooling": ["cls", "mean"]}, cv=2)
        self.assertIn(search.fit(TEXTS, LABELS).best_params_["palsembedder__pooling"], ("cls", "mean"))
        self.assertEqual(cross_val_score(pipeline, TEXTS, LABELS, cv=2, n_jobs=2).shape, (2,))

    def test_what_is_missing(self):
        with self.assertRaisesRegex(pals.UsageError, "init_checkpoint is missing"):
            pals.PalsClassifier().fit(TEXTS, LABELS)
        with self.assertRaisesRegex(pals.UsageError, "model is missing"):
            pals.PalsEmbedder().fit(TEXTS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
