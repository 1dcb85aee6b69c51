package dev.oko

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyProperties
import java.math.BigInteger
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.ProviderException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import javax.crypto.KeyAgreement

/**
 * A P-256 key of Android's Keystore, from Android 12 (API 31) on. It is in StrongBox if the phone
 * has it, else in the trusted environment; neither the app nor who copies its files can read it. It
 * is gone when the app is uninstalled, and in no backup: the app then creates another, and needs
 * the model sealed for that one's [recipient].
 */
@Suppress("NewApi")  // open() checks it
class OkoKeystoreKey
private constructor(private val key: PrivateKey, private val publicKey: ECPublicKey) :
    OkoAgreementKey {
    override val point: ByteArray
        get() = byteArrayOf(UNCOMPRESSED) + bytes(publicKey.w.affineX) + bytes(publicKey.w.affineY)

    /** False where Android keeps it in software, as in emulators. */
    val isInHardware: Boolean
        get() {
            val factory = KeyFactory.getInstance(key.algorithm, KEYSTORE)
            val level = factory.getKeySpec(key, KeyInfo::class.java).securityLevel
            return level == KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT ||
                level == KeyProperties.SECURITY_LEVEL_STRONGBOX
        }

    override fun agree(sender: ByteArray): ByteArray {
        require(sender.size == POINT && sender[0] == UNCOMPRESSED) { "not an uncompressed point" }
        val x = BigInteger(1, sender.copyOfRange(1, 1 + COORDINATE))
        val y = BigInteger(1, sender.copyOfRange(1 + COORDINATE, POINT))
        val spec = ECPublicKeySpec(ECPoint(x, y), publicKey.params)
        val theirs = KeyFactory.getInstance(KeyProperties.KEY_ALGORITHM_EC).generatePublic(spec)
        val agreement = KeyAgreement.getInstance("ECDH", KEYSTORE)
        agreement.init(key)
        agreement.doPhase(theirs, true)
        return agreement.generateSecret()
    }

    companion object {
        private const val KEYSTORE = "AndroidKeyStore"
        private const val UNCOMPRESSED: Byte = 4
        private const val COORDINATE = 32
        private const val POINT = 1 + 2 * COORDINATE

        /** The app's key of this name, created if there is none. */
        @JvmStatic
        @JvmOverloads
        @Synchronized
        fun open(alias: String = "dev.oko.model"): OkoKeystoreKey {
            if (Build.VERSION.SDK_INT < Build.VERSION_CODES.S) {
                throw UnsupportedOperationException(
                    "keys in the Keystore agree on secrets from Android 12 (API 31) on, this is " +
                        "API ${Build.VERSION.SDK_INT} (give OkoSealOptions an identity there)"
                )
            }
            val store = KeyStore.getInstance(KEYSTORE).apply { load(null) }
            if (!store.containsAlias(alias)) create(alias)
            val key = store.getKey(alias, null)
            val publicKey = store.getCertificate(alias)?.publicKey
            check(key is PrivateKey && publicKey is ECPublicKey) {
                "$alias in the Keystore is not an elliptic curve's key (take another name)"
            }
            return OkoKeystoreKey(key, publicKey)
        }

        /** Deletes the key: what was sealed for it is not opened any more. */
        @JvmStatic
        @JvmOverloads
        fun delete(alias: String = "dev.oko.model") =
            KeyStore.getInstance(KEYSTORE).apply { load(null) }.deleteEntry(alias)

        private fun create(alias: String) {
            try {
                create(alias, strongBox = true)
            } catch (unavailable: ProviderException) {  // there is none, or it cannot do this
                create(alias, strongBox = false)
            }
        }

        private fun create(alias: String, strongBox: Boolean) {
            val generator =
                KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, KEYSTORE)
            generator.initialize(
                KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_AGREE_KEY)
                    .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
                    .setIsStrongBoxBacked(strongBox)
                    .build()
            )
            generator.generateKeyPair()
        }

        private fun bytes(coordinate: BigInteger): ByteArray {
            val bytes = coordinate.toByteArray()  // with a sign, without leading zeros
            val whole = ByteArray(COORDINATE)
            val count = minOf(bytes.size, COORDINATE)
            bytes.copyInto(whole, COORDINATE - count, bytes.size - count)
            return whole
        }
    }
}
